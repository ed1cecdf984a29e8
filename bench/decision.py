"""`python -m bench.decision`: a whole durable decision against the floor, interleaved, in one run.

Prints CPU of all server processes per request, requests per second and latencies, as ratios to
a constant Flask route under the same gunicorn and the same load; rewrites the table in
bench/README.md. Closed loop: its tails are no goals (open-loop load comes with the next bench).
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = Path(__file__).parent / "README.md"
TICKS = os.sysconf("SC_CLK_TCK")
WORKERS, THREADS = 2, 8
BODY = json.dumps(
    {
        "reference": "@@",
        "occurred_at": "@now@",
        "kind": "purchase",
        "amount": {"value": 38000, "currency": "CNY"},
        "payer": {"payer_id": "@payer@", "account_created_at": "2024-03-02T00:00:00Z"},
        "payee": {"payee_id": "p_77", "type": "merchant", "name": "Lin's Phones"},
        "instrument": {"instrument_id": "ins_@payer@", "type": "card", "bin": "621700"},
        "device": {"device_id": "d_@payer@", "platform": "android", "ip": "203.0.113.9"},
        "order": {"order_id": "8831", "total": {"value": 38000, "currency": "CNY"}},
        "entry": "app",
        "channel": "mobile_app",
        "mcc": "5732",
    }
)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def family(root: int) -> list[int]:
    """Return a process and all that it started."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def cpu_s(root: int) -> float:
    """Return the CPU seconds that a process and its children have used."""
    total = 0
    for pid in family(root):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / TICKS


def wait_for(port: int, path: str) -> None:
    deadline = time.perf_counter() + 30
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as one:
            one.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            if one.recv(12).endswith((b"200", b"404", b"405")):
                return
        time.sleep(0.1)
    raise SystemExit("a server did not start")


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, env=os.environ | environment, cwd=ROOT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.terminate()


def payguard(environment: dict[str, str], *words: str) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", "from service.cli import main; main()", *words, "--json"],
        env=os.environ | environment, cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def load(port: int, key: str, tag: str, body: str, given: argparse.Namespace) -> dict:
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    done = subprocess.run(
        [sys.executable, "-m", "bench.load", str(port), "--key", key, "--tag", tag,
         "--seconds", str(given.seconds), "--clients", str(given.clients)],
        cwd=ROOT, check=True, capture_output=True, text=True, input=body.replace("@now@", now),
    )  # fmt: skip
    return json.loads(done.stdout)


def measure(rows: dict[str, list[dict]], name: str, root: int, taken: dict, expect: str) -> None:
    count = sum(taken["counts"].values())
    if set(taken["counts"]) != {expect}:
        raise SystemExit(f"{name}: answers {taken['counts']}")
    latencies = taken["latencies_ms"]
    rows.setdefault(name, []).append(
        {
            "cpu_us": (cpu_s(root) - taken["cpu_before"]) / count * 1e6,
            "per_s": count / taken["wall"],
            "p50_ms": latencies[len(latencies) // 2],
            "p99_ms": latencies[int(len(latencies) * 0.99)],
        }
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--write", action="store_true", help="rewrite the table in README.md")
    given = parser.parse_args()
    rows: dict[str, list[dict]] = {}
    with tempfile.TemporaryDirectory(dir=ROOT) as folder, contextlib.ExitStack() as stack:
        port, floor_port = free_port(), free_port()
        environment = {
            "PAYGUARD_DATA_DIR": folder, "PAYGUARD_PORT": str(port),
            "PAYGUARD_WORKERS": str(WORKERS), "PAYGUARD_THREADS": str(THREADS),
            "PAYGUARD_RATE_PER_MINUTE": "10000000", "PAYGUARD_LOG_LEVEL": "info",
        }  # fmt: skip
        ours = stack.enter_context(
            running([sys.executable, "-c", "from service.cli import main; main()", "serve"],
                    environment)
        )  # fmt: skip
        floor = stack.enter_context(
            running([sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--threads",
                     str(THREADS), "--worker-class", "gthread", "--no-control-socket",
                     "--bind", f"127.0.0.1:{floor_port}", "bench.floor:create()"], {})
        )  # fmt: skip
        wait_for(port, "/livez")
        wait_for(floor_port, "/")
        merchant = payguard(environment, "merchant", "create", "--name", "Bench")
        key = payguard(environment, "key", "create", "--merchant", merchant["merchant_id"],
                       "--mode", "sandbox")["text"]  # fmt: skip
        bad = BODY.replace('"kind": "purchase"', '"kind": 7')
        for turn in range(given.rounds):
            for name, at, root, body, expect in (
                ("constant route", floor_port, floor.pid, BODY, "201"),
                ("whole decision", port, ours.pid, BODY, "201"),
                ("bad body refused", port, ours.pid, bad, "422"),
            ):
                before, start = cpu_s(root), time.perf_counter()
                taken = load(at, key, f"{name[:1]}{turn}", body, given)
                taken |= {"cpu_before": before, "wall": time.perf_counter() - start}
                measure(rows, name, root, taken, expect)
                print(f"round {turn + 1}/{given.rounds}: {name}", file=sys.stderr)
    table = report(rows)
    print(table)
    if given.write:
        head, _, rest = README.read_text().partition("<!-- decision -->\n")
        _, _, tail = rest.partition("<!-- /decision -->")
        README.write_text(f"{head}<!-- decision -->\n{table}\n<!-- /decision -->{tail}")


def report(rows: dict[str, list[dict]]) -> str:
    versions = ", ".join(
        f"{name} {importlib.metadata.version(name)}"
        for name in ("gunicorn", "flask", "werkzeug", "msgspec", "sqlalchemy", "cryptography")
    )
    lines = [
        f"Python {platform.python_version()}, {versions}.",
        f"{os.cpu_count()} cores, {WORKERS} workers, {THREADS} threads, SQLite, synchronous=FULL.",
        "",
        "| what | CPU us a request | ratio | requests/s | p50 ms | p99 ms |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    floors = [one["cpu_us"] for one in rows["constant route"]]
    for name, taken in rows.items():
        middle = {key: statistics.median(one[key] for one in taken) for key in taken[0]}
        ratio = statistics.median(
            one["cpu_us"] / floor for one, floor in zip(taken, floors, strict=True)
        )
        lines.append(
            f"| {name} | {middle['cpu_us']:.0f} | {ratio:.2f} | {middle['per_s']:.0f}"
            f" | {middle['p50_ms']:.1f} | {middle['p99_ms']:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
