"""Health, metrics and the line per request. Tells nothing about merchants, bodies or paths."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import flask
import msgspec
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from service.http import faults
from service.http.problems import OVERLOADED
from service.http.watchers import Answered, Log, Watcher
from service.kernel.clock import Clock

Probe = Callable[[], bool]

_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_NANOSECONDS: Final = 1_000_000_000
_MICROSECOND_NS: Final = 1_000
_MICROSECONDS: Final = 1_000
_STATUS_OK: Final = 200
_STATUS_UNAVAILABLE: Final = 503
_HEADERS: Final = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


class Metrics:
    """Counts requests; the registry is handed in, so that other parts add theirs to it.

    Several processes count together when all were started with PROMETHEUS_MULTIPROC_DIR set to
    one folder that was emptied before; the client library reads that variable when it is first
    imported. Each process then writes a file there, and any of them tells the sum of all. The
    folder is given here a second time because only the root of a process reads its environment.
    """

    def __init__(self, registry: CollectorRegistry, *, folder: Path | None = None) -> None:
        self.registry: Final = registry
        self._folder: Final = folder
        self._requests: Final = Counter(
            "payguard_requests",
            "Requests answered, by route template, method, status and problem code.",
            ("route", "method", "status", "code"),
            registry=registry,
        )
        self._seconds: Final = Histogram(
            "payguard_request_seconds",
            "Time from the first look at a request to its answer.",
            ("route",),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._warnings: Final = Gauge(
            "payguard_warning",
            "1 while a part says that somebody has to look, as /readyz last saw it.",
            ("part",),
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._counted: Final[dict[tuple[object, ...], tuple[Counter, Histogram]]] = {}

    def watch(self, answered: Answered) -> None:
        """Count one answer."""
        # Looked up once: `labels` costs more than counting. The keys are few, being templates.
        labels = (answered.route, answered.method, answered.status, answered.code)
        counted = self._counted.get(labels)
        if counted is None:
            counted = self._counted[labels] = (
                self._requests.labels(*(str(one or "") for one in labels)),
                self._seconds.labels(answered.route),
            )
        counted[0].inc()
        counted[1].observe(answered.duration_ns / _NANOSECONDS)

    def warn(self, part: str, *, is_due: bool) -> None:
        """Note whether a part says that somebody has to look."""
        self._warnings.labels(part).set(int(is_due))

    def text(self) -> bytes:
        """Return everything counted, of all processes where they share a folder."""
        if self._folder is None:
            return generate_latest(self.registry)
        whole = CollectorRegistry()
        MultiProcessCollector(whole, path=str(self._folder))  # type: ignore[no-untyped-call]  # untyped there
        return generate_latest(whole)


def request_line(log: Log, clock: Clock) -> Watcher:
    """Return a watcher that writes one line per answer: template, never path or query.

    Those that were turned away for want of room are counted, and told of once a second: under
    too much load their lines would cost what is left to answer the others with.
    """
    turned_away = _TurnedAway(log, clock)

    def watch(answered: Answered) -> None:
        if answered.code == OVERLOADED.code:
            turned_away.one_more()
            return
        log.info(
            "request_answered",
            method=answered.method,
            route=answered.route,
            status=answered.status,
            code=answered.code,
            duration_ms=answered.duration_ns // _MICROSECOND_NS / _MICROSECONDS,
            request_id=answered.request_id,
            batch=answered.batch,
            merchant_id=answered.merchant_id,
        )

    return watch


class _TurnedAway:
    """Counts requests of any thread; the first of a second writes what was counted before it."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log: Final = log
        self._clock: Final = clock
        self._guard: Final = threading.Lock()
        self._count = 0
        self._told_at_ns: int | None = None

    def one_more(self) -> None:
        now = self._clock.monotonic_ns()
        with self._guard:
            self._count += 1
            if self._told_at_ns is not None and now - self._told_at_ns < _NANOSECONDS:
                return
            count, self._count, self._told_at_ns = self._count, 0, now
        self._log.info("requests_turned_away", requests=count)


def mount_operations(
    app: flask.Flask,
    *,
    probes: Mapping[str, Probe],
    watched: Mapping[str, Probe],
    metrics: Metrics,
    log: Log,
) -> None:
    """Put /livez, /readyz and /metrics on an app. They need no key: keep them off the internet.

    Args:
        app: Where they go.
        probes: What must work before traffic may come, by name; each says yes, or no, or raises.
        watched: The same of what stops no traffic, but somebody has to look at when it says no.
        metrics: What /metrics tells.
        log: Where the reason of a failed probe goes; the answer only names it.
    """

    def livez() -> flask.Response:
        return _answer({"status": "ok"}, _STATUS_OK)

    def readyz() -> flask.Response:
        failed = [name for name, probe in probes.items() if not _works(name, probe, log)]
        if failed:
            return _answer({"status": "unavailable", "failed": failed}, _STATUS_UNAVAILABLE)
        said: dict[str, object] = {"status": "ok", "checked": list(probes)}
        if warnings := [name for name, probe in watched.items() if not _works(name, probe, log)]:
            said["warnings"] = warnings
        for name in watched:
            metrics.warn(name, is_due=name in warnings)
        return _answer(said, _STATUS_OK)

    def metrics_text() -> flask.Response:
        return flask.Response(
            metrics.text(), headers=list(_HEADERS), content_type=CONTENT_TYPE_LATEST
        )

    for path, view in {"/livez": livez, "/readyz": readyz, "/metrics": metrics_text}.items():
        app.add_url_rule(
            path, endpoint=path, view_func=view, methods=["GET"], provide_automatic_options=False
        )


def _works(name: str, probe: Probe, log: Log) -> bool:
    try:
        works = probe()
    except Exception as error:  # noqa: BLE001  whatever a probe meets, we are not ready
        log.error(  # noqa: TRY400  .exception would write the text of the exception
            "probe_failed",
            probe=name,
            fault=faults.kinds(error),
            at=faults.places(error.__traceback__),
        )
        return False
    return works


def _answer(body: dict[str, object], status: int) -> flask.Response:
    return flask.Response(
        msgspec.json.encode(body), status, list(_HEADERS), content_type="application/json"
    )
