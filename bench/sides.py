"""What is compared: each side is a running server, its processes, and how to send load to it."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.processes import cpu_s
from tests.support.servers import FRONT_END, WORKER, WRITER, Service

ROOT = Path(__file__).parents[1]
WORKERS = 2
START_S = 30
MEMORY = Path("/dev/shm")
FLOOR = "bench.floor"


@dataclass(slots=True, kw_only=True)
class Side:
    """One server.

    Attributes:
        name: As the tables call it.
        port: Where it listens.
        roots: Processes whose CPU, with their children's, is counted.
        key: API key that it knows.
        owner: Address of its PostgreSQL database in the owner's role, if it stands on one.
        runs: How many loads it was sent; each load's requests are new.
    """

    name: str
    port: int
    roots: tuple[int, ...]
    key: str = "none"
    owner: str = ""
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


class Other(NamedTuple):
    """What runs in the place of the product's own processes, or what they are told first.

    Attributes:
        modules: The module instead of each; those that are not named run as they are.
        environment: What they are told.
        has_writer: Whether there is a writer, and a worker that asks it.
        prepare: Done to the service while its own processes run.
    """

    modules: Mapping[str, str]
    environment: Mapping[str, str] = {}
    has_writer: bool = True
    prepare: Callable[[Service], None] | None = None


RIVAL = Other({FRONT_END: "bench.rival"}, has_writer=False)


def staged(folder: Path) -> Other:
    """Return the product with stopwatches, which write down what they saw into a folder."""
    modules = dict.fromkeys((FRONT_END, WRITER), "bench.staged")
    return Other(modules, {"BENCH_STAGES": str(folder)})


def tuned(environment: Mapping[str, str]) -> Other:
    """Return the product under other settings of Python."""
    return Other(dict.fromkeys((FRONT_END, WRITER), "bench.tuned"), environment)


@contextlib.contextmanager
def payguard(
    name: str,
    *,
    database: tuple[Any, int] | None = None,
    folder: Path | None = None,
    other: Other | None = None,
    settings: Mapping[str, object] | None = None,
    merchants: int = 1,
) -> Iterator[Side]:
    """Run Payguard, or what takes its place, on a store of its own.

    Args:
        name: As the tables call it.
        database: A PostgreSQL database and its postmaster's process; None for SQLite.
        folder: Where its folder is made; None for the disk that holds this project.
        other: What takes the place of the product's processes.
        settings: Beside the defaults, by name.
        merchants: How many; the side's key is then all of theirs, with commas between.
    """
    with tempfile.TemporaryDirectory(dir=folder or ROOT, prefix=".bench-") as place:
        chosen = {"WORKERS": WORKERS, **(settings or {})}
        place_of, server = (None, ()) if database is None else (database[0], database[1:])
        with Service(Path(place) / "data", settings=chosen, database=place_of) as service:
            key = ",".join(service.shop(preset="judge_only").keys["live"] for _ in range(merchants))
            if other is not None and other.prepare is not None:
                other.prepare(service)
            if other is not None and other.modules:
                _exchange(service, other)
            running = [
                one.pid
                for one in (service.writer, service.worker, service.front_end)
                if one.is_running
            ]
            owner = getattr(place_of, "owner", None) or ""
            roots = (*running, *server)
            yield Side(name=name, port=service.port, roots=roots, key=key, owner=owner)


def _exchange(service: Service, other: Other) -> None:
    """Stop the product's processes, and start what takes their place."""
    for process, module in (
        (service.front_end, FRONT_END),
        (service.worker, WORKER),
        (service.writer, WRITER),
    ):
        process.stop()
        process.environment.update(other.environment)
        command = process._command  # noqa: SLF001  just as it ran
        command[command.index(module)] = other.modules.get(module, module)
    if other.has_writer:
        service.start_writer()
        service.worker.start()
    service.start_front_end()
    service.until_ready()


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
