"""gunicorn around the app, cooperative or with threads: its settings, its log. Decides nothing.

Run by `payguard serve` as `python -m service.cli.front_end FD`, FD being the socket to listen on.
"""

import asyncio
import contextlib
import logging
import os
import resource
import sys
from pathlib import Path
from typing import Any, Final

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from prometheus_client import multiprocess
from typing_extensions import override

from service.front.bounds import CONNECTIONS_MAX, Bounds
from service.front.hub import Hub
from service.front.server import Server
from service.front.threads import DrainingWorker, refuse_two_readings
from service.front.worker import CooperativeWorker
from service.http.ports import BODY_BYTES_MAX
from service.kernel.clock import SystemClock
from service.kernel.logs import Bridge, logger
from service.settings import Settings, read_settings

# Longer than proxies keep theirs (60 s is common), so that it is they who close first.
KEEPALIVE_S: Final = 75
# A worker that has not turned its loop for this long hangs and is replaced.
HANG_S: Final = 30
# Beside the deadline: for reading the request and writing the answer.
GRACE_S: Final = 8
LINE_BYTES_MAX: Final = 4_094
HEADERS_MAX: Final = 64
HEADER_BYTES_MAX: Final = 8_190
# An answer that takes more of its deadline than this says that too many were let in.
SOUND_SHARE: Final = 0.25
_MILLISECONDS: Final = 1_000


def stop_s(settings: Settings) -> int:
    """Return how long requests under way may take when the front end stops."""
    return settings.deadline_ms // _MILLISECONDS + GRACE_S


def configuration(settings: Settings, *, listener: int) -> dict[str, Any]:
    """Return gunicorn's settings.

    Args:
        settings: Ours.
        listener: Descriptor of a bound and listening socket.
    """
    is_cooperative = settings.front_end == "cooperative"
    memory = Path("/dev/shm")  # noqa: S108  no content: a file whose time says that a worker lives
    return {
        "bind": f"fd://{listener}",
        "workers": settings.workers,
        # gunicorn's own threads; the cooperative front end has a pool beside its loop.
        "threads": 1 if is_cooperative else settings.threads,
        "worker_class": CooperativeWorker if is_cooperative else DrainingWorker,
        # Its C parser wants a release that cannot be had; the older ones frame some bodies wrong.
        "http_parser": "python",
        "asgi_loop": "asyncio",
        "worker_connections": CONNECTIONS_MAX,
        "worker_tmp_dir": str(memory) if memory.is_dir() else None,
        "keepalive": KEEPALIVE_S,
        "timeout": HANG_S,
        "graceful_timeout": stop_s(settings),
        "limit_request_line": LINE_BYTES_MAX,
        "limit_request_fields": HEADERS_MAX,
        "limit_request_field_size": HEADER_BYTES_MAX,
        # Its control socket can reload and shut down, and is on by default.
        "control_socket_disable": True,
        # Nobody may set path or scheme by a header; X-Forwarded-For is the door's matter.
        "forwarded_allow_ips": "",
        "forwarder_headers": "",
        "preload_app": False,
        "proc_name": "payguard",
        "logger_class": LineLog,
        "loglevel": "warning",
        "accesslog": None,
        "pre_request": refuse_two_readings,
        "child_exit": _forget_gauges,
    }


class FrontEnd(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn with these settings and no others: no file, no GUNICORN_ variable is read."""

    def __init__(self, settings: Settings, *, listener: int) -> None:
        self._settings = settings
        self._configuration = configuration(settings, listener=listener)
        super().__init__()

    @override
    def load_config(self) -> None:
        for name, value in self._configuration.items():
            self.cfg.set(name, value)

    @override
    def load(self) -> Any:
        # In the worker, after the fork: connections and threads are not shared by forking.
        from service.wsgi import create

        return create()

    def cooperative(self, loop: asyncio.AbstractEventLoop) -> tuple[Hub, Server]:
        """Return what the cooperative worker runs on its loop."""
        # In the worker, after the fork, as above.
        from service.wsgi import OVERLOADED_APP, create

        settings = self._settings
        hub = Hub(loop, threads=settings.threads)
        app = create(hub)
        bounds = Bounds(
            connections=CONNECTIONS_MAX,
            requests=settings.requests_max,
            line_bytes=LINE_BYTES_MAX,
            headers=HEADERS_MAX,
            header_bytes=HEADER_BYTES_MAX,
            body_bytes=BODY_BYTES_MAX,
            idle_s=KEEPALIVE_S,
            answer_s=settings.deadline_ms / _MILLISECONDS * SOUND_SHARE,
        )
        server = Server(
            app,
            overloaded=app.extensions[OVERLOADED_APP],
            hub=hub,
            bounds=bounds,
            clock=SystemClock(),
            workers=settings.workers,
        )
        return hub, server


class LineLog(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log as ours: one JSON line an event, without the values it names."""

    @override
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        clock = SystemClock()
        self.error_log.addHandler(
            Bridge(
                logger(
                    stream=sys.stderr.buffer,
                    clock=clock,
                    level=logging.WARNING,
                    process="front_end",
                )
            )
        )


def _forget_gauges(_arbiter: Any, worker: Any) -> None:
    """Take a dead worker's gauges out of the metrics; its counts stay."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # no types


def _allow_descriptors() -> None:
    """Let this process and its workers open as many files as whoever runs them allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems allow less than they say; what was allowed before stays then.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def main() -> None:
    """Serve on the socket whose descriptor is the only argument."""
    _allow_descriptors()
    FrontEnd(read_settings(os.environ), listener=int(sys.argv[1])).run()


if __name__ == "__main__":
    main()
