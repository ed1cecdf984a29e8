"""What is compared: each side is a running server, its processes, and how to send load to it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.processes import cpu_s
from tests.support.servers import FRONT_END, Service

ROOT = Path(__file__).parents[1]
WORKERS = 2
START_S = 30
MEMORY = Path("/dev/shm")
RIVAL, FLOOR = "bench.rival", "bench.floor"


@dataclass(slots=True, kw_only=True)
class Side:
    """One server.

    Attributes:
        name: As the tables call it.
        port: Where it listens.
        roots: Processes whose CPU, with their children's, is counted.
        key: API key that it knows.
        runs: How many loads it was sent; each load's requests are new.
    """

    name: str
    port: int
    roots: tuple[int, ...]
    key: str = "none"
    runs: int = field(default=0)

    def load(self, **given: object) -> dict[str, Any]:
        """Send load by a process of its own; return what it saw, with the CPU used meanwhile.

        Args:
            given: Arguments of bench.load by name.
        """
        self.runs += 1
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        before = cpu_s(self.roots)
        done = subprocess.run(
            [sys.executable, "-m", "bench.load", str(self.port), "--key", self.key,
             "--tag", f"{self.runs:04d}", "--seed", str(self.runs), *words],
            cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        taken: dict[str, Any] = json.loads(done.stdout)
        return taken | {"cpu_s": cpu_s(self.roots) - before}


@contextlib.contextmanager
def payguard(
    name: str,
    *,
    database: Any = None,
    database_roots: tuple[int, ...] = (),
    folder: Path | None = None,
    rival: bool = False,
    settings: Mapping[str, object] | None = None,
) -> Iterator[Side]:
    """Run Payguard, or its rival, on a store of its own.

    Args:
        name: As the tables call it.
        database: A PostgreSQL database; None for SQLite.
        database_roots: The processes behind it.
        folder: Where its folder is made; None for the disk that holds this project.
        rival: Whether a commit a request takes the place of the writer.
        settings: Beside the defaults, by name.
    """
    with tempfile.TemporaryDirectory(dir=folder or ROOT, prefix=".bench-") as place:
        chosen = {"WORKERS": WORKERS, **(settings or {})}
        if rival:
            # It blocks in its commit.
            chosen["FRONT_END"] = "threads"
        given = {} if database is None else {"database": database}
        with Service(Path(place) / "data", settings=chosen, **given) as service:
            key = service.shop(preset="judge_only").keys["live"]
            roots = (service.writer.pid, service.worker.pid, service.front_end.pid)
            if rival:
                roots = (_exchange(service),)
            yield Side(name=name, port=service.port, roots=(*roots, *database_roots), key=key)


def _exchange(service: Service) -> int:
    """Put the rival's front ends where the product's processes were."""
    for one in (service.front_end, service.worker, service.writer):
        one.stop()
    command = service.front_end._command  # noqa: SLF001  the rival runs just where they ran
    command[command.index(FRONT_END)] = RIVAL
    service.start_front_end()
    service.until_ready()
    return service.front_end.pid


@contextlib.contextmanager
def floor(name: str, *, threads: int, ours: bool = False) -> Iterator[Side]:
    """Run the constant route, under stock gunicorn's gthread or under the product's server."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        number = listener.fileno()
        command = [sys.executable, "-m", FLOOR, str(number)] if ours else [
            sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--threads", str(threads),
            "--worker-class", "gthread", "--no-control-socket", "--bind", f"fd://{number}",
            "bench.floor:create()",
        ]  # fmt: skip
        environment = os.environ | {
            "PAYGUARD_WORKERS": str(WORKERS), "PAYGUARD_THREADS": str(threads),
        }  # fmt: skip
        with subprocess.Popen(
            command, env=environment, cwd=ROOT, pass_fds=(number,),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            port = listener.getsockname()[1]
            try:
                _wait_for(port)
                yield Side(name=name, port=port, roots=(process.pid,))
            finally:
                process.terminate()


def _wait_for(port: int) -> None:
    deadline = time.perf_counter() + START_S
    while time.perf_counter() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as one:
            one.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            if one.recv(12).endswith(b"200"):
                return
        time.sleep(0.1)
    raise SystemExit("a server did not start")
