"""Writer, worker and front end as threads of one process, for trying things out. Never serves."""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

import msgspec
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger
from typing_extensions import override
from werkzeug.serving import WSGIRequestHandler, make_server

from keys import entropy
from service.cli.writers import WriterThread
from service.db import migrate
from service.kernel.clock import SystemClock
from service.kernel.logs import Bridge, logger
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Submit
from service.worker.main import open_worker
from service.wsgi import FrontEnd, create_app

LOG_NAME: Final = "payguard.log"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """A demo that runs.

    Attributes:
        submit: The way to its writer.
        has_stopped: Says whether its writer ended by itself.
    """

    submit: Submit
    has_stopped: Callable[[], bool]


@contextlib.contextmanager
def running(settings: Settings, listener: socket.socket) -> Iterator[Running]:
    """Make the database, start everything, and stop it in order at the end.

    Args:
        settings: Their data folder is there and holds no database yet.
        listener: A socket that listens on the settings' port.
    """
    migrate.upgrade(settings.database)
    with contextlib.ExitStack() as stack:
        log_file = stack.enter_context((settings.data_dir / LOG_NAME).open("ab", buffering=0))
        registry = CollectorRegistry()
        stopped = threading.Event()
        writer = WriterThread(
            settings, registry=registry, log=_log(log_file, "writer"), stopped=stopped.set
        )
        submit = stack.enter_context(writer).submit
        stack.enter_context(_worker(settings, submit, registry, _log(log_file, "worker")))
        log = _log(log_file, "front_end")
        front = FrontEnd(
            settings=settings,
            secrets=open_secrets(settings.root_file, entropy.system),
            submit=submit,
            reaches_writer=lambda: not stopped.is_set(),
            clock=SystemClock(),
            registry=registry,
            metrics_folder=None,
            log=log,
        )
        stack.enter_context(_served(create_app(front), listener, log))
        yield Running(submit=submit, has_stopped=stopped.is_set)


class _Handler(WSGIRequestHandler):
    """Keeps connections, and leaves the line per request to the door."""

    protocol_version = "HTTP/1.1"

    @override
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


@contextlib.contextmanager
def _served(app: Any, listener: socket.socket, log: FilteringBoundLogger) -> Iterator[None]:
    library = logging.getLogger("werkzeug")
    bridge = Bridge(log)
    library.addHandler(bridge)
    host, port = listener.getsockname()
    server = make_server(
        host, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno()
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        library.removeHandler(bridge)


@contextlib.contextmanager
def _worker(
    settings: Settings, submit: Submit, registry: CollectorRegistry, log: FilteringBoundLogger
) -> Iterator[None]:
    loop = open_worker(settings, submit=submit, registry=registry, log=log)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        loop.stop()
        thread.join()


def _log(stream: BinaryIO, process: str) -> FilteringBoundLogger:
    return logger(stream=stream, clock=SystemClock(), process=process)
