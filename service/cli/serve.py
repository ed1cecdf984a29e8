"""`payguard serve`: prepares the data folder, then supervises front ends, writer and worker."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from service.cli import front_end
from service.cli.database import prepare
from service.cli.environment import current_settings, make_data_folder, reachable
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting
from service.cli.supervisor import CannotRun, Program, Supervisor
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.settings import Settings
from service.writer.lock import (
    REPLACED,
    Lock,
    WriterLock,
    WriterRuns,
    take_over,
    worker_lock,
    writer_lock,
)

BACKLOG: Final = 1_024
# The worker finishes one command, the writer what is queued.
WORKER_STOP_S: Final = 10.0
WRITER_STOP_S: Final = 30.0
PROBE_TIMEOUT_S: Final = 1.0
LOOK_EVERY_S: Final = 0.1
LEFT_BEHIND_LOOKS: Final = 50
MEMORY: Final = Path("/dev/shm")  # noqa: S108  the folder is made by mkdtemp


@click.command()
@click.option(
    "--take-over",
    "is_taking_over",
    is_flag=True,
    help="End the sessions of a writer and a worker that hold the locks (PostgreSQL).",
)
@reporting
def serve(screen: Screen, *, is_taking_over: bool) -> int:
    """Run the service until SIGTERM or Ctrl-C.

    Makes the data folder and its database where there is none, then starts the writer, the
    worker and the front ends, and starts again what ends. Stops without losing a request: the
    front ends finish what they took, then the worker, then the writer. A second signal stops at
    once, which is safe as well.

    Settings come from the environment: docs/settings.md. Log lines go to standard error, one
    JSON object each.
    """
    settings = current_settings()
    make_data_folder(settings.data_dir)
    with (
        _only_one(settings, before=take_over if is_taking_over else _nothing) as workers_lock,
        _listening(settings) as listener,
    ):
        prepare(settings)
        log = logger(
            stream=sys.stderr.buffer,
            clock=SystemClock(),
            level=settings.severity,
            process="serve",
        )
        url = _url(listener)
        programs = _programs(settings, listener, url, hand_on=workers_lock.close)
        supervisor = Supervisor(programs, clock=SystemClock(), log=log)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: supervisor.stop())

        def ready() -> None:
            result = {"url": url, "process": os.getpid(), "data_dir": str(settings.data_dir)}
            screen.show(result, f"Payguard serves at {url}  (Ctrl-C stops it)")
            sys.stdout.flush()

        try:
            stopped = supervisor.run(ready=ready, stopping=listener.close)
        except CannotRun as error:
            raise Failure(
                "cannot_start",
                f"{error}; the lines above say why",
                then="correct that, or ask `payguard doctor`, then start again",
            ) from error
    return DONE if stopped else SOMETHING_FAILED


def _nothing(_settings: Settings) -> None:
    """Leave whoever works at work."""


@contextlib.contextmanager
def _only_one(
    settings: Settings, *, before: Callable[[Settings], None]
) -> Iterator[contextlib.ExitStack]:
    """Hold the lock of `serve`, and make sure that no other writer or worker works here.

    Yields the worker's lock, which is kept until the worker is started: another one, whose session
    was ended, looks each second whether it may take its lock again. Where that look comes first,
    `before` is called once more.
    """
    try:
        with WriterLock(settings.data_dir / "serve.lock"):
            _taken(partial(writer_lock, settings), before=partial(before, settings)).close()
            workers = partial(worker_lock, settings)
            with _taken(workers, before=partial(before, settings)) as workers_lock:
                yield workers_lock
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error
    except WriterRuns as error:
        raise Failure(
            "already_running",
            f"the data folder {settings.data_dir} is in use: {error}",
            then="use the service that runs, or set PAYGUARD_DATA_DIR and PAYGUARD_PORT to others",
        ) from error


def _taken(lock: Callable[[], Lock], *, before: Callable[[], None]) -> contextlib.ExitStack:
    """Return a lock that is held until what is returned is closed; calls `before` at each try.

    Waits for the processes of a `serve` that was killed: they are ending, and hold it so long.

    Raises:
        WriterRuns: Somebody goes on holding it.
    """
    held = contextlib.ExitStack()
    for _ in range(LEFT_BEHIND_LOOKS):
        before()
        try:
            held.enter_context(lock())
        except WriterRuns:
            time.sleep(LOOK_EVERY_S)
        else:
            return held
    held.enter_context(lock())
    return held


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """Open the socket of the front ends here: what connects while they restart waits in it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise Failure(
            "port_unusable",
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror}",
            then="stop what listens there, or set PAYGUARD_PORT to another (0 takes a free one)",
        ) from error
    with listener:
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    host = reachable(host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _programs(
    settings: Settings, listener: socket.socket, url: str, *, hand_on: Callable[[], None]
) -> list[Program]:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(fresh_metrics(settings.data_dir))}
    # -P: a folder `service` where this was started must not be taken for ours.
    python = (sys.executable, "-P", "-m")

    def has_writer() -> bool:
        # Without one a worker can do nothing, and would keep its lock from one that can.
        if not _answers(settings.socket_file):
            return False
        hand_on()
        return True

    return [
        Program(
            name="writer",
            command=(*python, "service.writer.main"),
            environment=environment,
            is_ready=lambda: _answers(settings.socket_file),
            stop_s=WRITER_STOP_S,
            # It makes state anew from the log first, which takes as long as the log is.
            ready_s=None,
        ),
        Program(
            name="worker",
            command=(*python, "service.worker.main"),
            environment=environment,
            is_ready=lambda: True,
            stop_s=WORKER_STOP_S,
            may_start=has_writer,
            replaced=REPLACED,
        ),
        Program(
            name="front_end",
            command=(*python, "service.cli.front_end", str(listener.fileno())),
            environment=environment,
            is_ready=lambda: _is_ready(url),
            stop_s=front_end.stop_s(settings) + WORKER_STOP_S,
            files=(listener.fileno(),),
        ),
    ]


def fresh_metrics(data_dir: Path) -> Path:
    """Return an empty folder for the processes' counts: those of dead ones would stay for ever.

    The files are mapped into memory, and to touch a page that a full disk has no room for ends
    the process. So they lie in memory where there is such a place; the link in the data folder
    says where, so that the next start finds what a killed one left.
    """
    link = data_dir / "metrics"
    with contextlib.suppress(OSError):
        shutil.rmtree(link.resolve())
    link.unlink(missing_ok=True)
    if not MEMORY.is_dir():
        link.mkdir(mode=0o700)
        return link
    folder = Path(tempfile.mkdtemp(prefix="payguard-metrics-", dir=MEMORY))
    link.symlink_to(folder)
    return folder


def _answers(path: Path) -> bool:
    """Say whether a writer takes a connection and sees its end: one that is stopped does not."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(str(path))
            probe.shutdown(socket.SHUT_WR)
            return probe.recv(1) == b""
        except OSError:
            return False


def _is_ready(url: str) -> bool:
    connection: Any = http.client.HTTPConnection(
        url.removeprefix("http://"), timeout=PROBE_TIMEOUT_S
    )
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            return bool(connection.getresponse().status == http.HTTPStatus.OK)
        except (OSError, http.client.HTTPException):
            return False
