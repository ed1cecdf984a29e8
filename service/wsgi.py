"""The front end: a Flask app over the route tables of all rooms. Stateless; changes no row."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import flask
import msgspec
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from keys import entropy
from keys.blind_index import keyed_hash
from service.carriers.client import SocketCarrier
from service.carriers.cooperative import CooperativeCarrier
from service.db.places import Database, Place
from service.db.store import StoreUnavailable
from service.db.stores import is_made, open_reader
from service.front.hub import Hub
from service.http.door import Door
from service.http.openapi import document
from service.http.operations import Metrics, mount_operations, request_line
from service.http.ports import Limits, Ports, Reader
from service.http.routes import Route
from service.kernel.clock import Clock, SystemClock
from service.kernel.logs import Bridge, logger
from service.kernel.memory import settle
from service.rooms.assessments import api as assessments
from service.rooms.audit import api as audit
from service.rooms.audit.contract import LOG
from service.rooms.audit.queries import open_divergence
from service.rooms.challenges import api as challenges
from service.rooms.custody import api as custody
from service.rooms.custody.queries import Signer
from service.rooms.labels import api as labels
from service.rooms.lists import api as lists
from service.rooms.merchants.queries import Authenticator
from service.rooms.models import api as models
from service.rooms.models.queries import is_scorer_down
from service.rooms.payers import api as payers
from service.rooms.payments import api as payments
from service.rooms.webhooks import api as webhooks
from service.scoring.reasons import Reasons
from service.secrets import Secrets, open_secrets
from service.settings import Settings, read_settings
from service.unit_of_work.commands import Submit
from service.unit_of_work.fence import LAST_COMMIT

ROUTES: Final[tuple[Route, ...]] = (
    *payments.ROUTES,
    *challenges.ROUTES,
    *assessments.ROUTES,
    *payers.ROUTES,
    *lists.ROUTES,
    *labels.ROUTES,
    *models.ROUTES,
    *webhooks.ROUTES,
    *audit.ROUTES,
    *custody.ROUTES,
)
# Names the folder in which processes count together; the metrics library reads it too.
SHARD: Final = 0
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
# The extension of the app that answers what there is no room for; a WSGI application.
OVERLOADED_APP: Final = "payguard.overloaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """What a front end is made of.

    Attributes:
        settings: The settings.
        secrets: The keys of this process.
        submit: The way to the writer.
        reaches_writer: Whether the writer can be reached, for /readyz.
        clock: The system's clock.
        registry: Where metrics are kept.
        metrics_folder: Where several processes count together; None for one process.
        log: The front end's log.
        hub: Where requests park, under the cooperative front end.
    """

    settings: Settings
    secrets: Secrets
    submit: Submit
    reaches_writer: Callable[[], bool]
    clock: Clock
    registry: CollectorRegistry
    metrics_folder: Path | None
    log: FilteringBoundLogger
    hub: Hub | None = None


def create_app(front: FrontEnd) -> flask.Flask:
    """Return the app; opens no connection before the first request."""
    app = flask.Flask("payguard", static_folder=None)
    settings, secrets = front.settings, front.secrets
    reader = _reader(settings, front.hub)
    signer = Signer(reader, secrets.sealer, front.clock)
    ports = Ports(
        submit=front.submit,
        reader=reader,
        authenticate=Authenticator(reader, secrets.api_key_index, front.clock),
        clock=front.clock,
        entropy=entropy.system,
        signer=signer,
        sealer=secrets.sealer,
        keyed_hash=keyed_hash,
        cursor_key=secrets.cursor,
        fingerprint_key=secrets.fingerprint,
        pseudonym_key=secrets.pseudonym,
        limits=Limits(
            deadline_ms=settings.deadline_ms,
            rate_per_minute=settings.rate_per_minute,
            burst=max(settings.rate_per_minute // 10, 1),
            trusted_hops=settings.trusted_proxies,
        ),
        issuer=settings.issuer,
        version=version("payguard"),
        reasons=Reasons(settings.models, monotonic_ns=front.clock.monotonic_ns),
    )
    metrics = Metrics(front.registry, folder=front.metrics_folder)
    door = Door(
        ports, log=front.log, watchers=(metrics.watch, request_line(front.log, front.clock))
    )
    door.mount(app, ROUTES)
    app.extensions[OVERLOADED_APP] = door.overloaded
    mount_operations(
        app,
        probes={"signing_key": signer.is_ready, "writer": front.reaches_writer},
        watched={
            "audit_log": lambda: open_divergence(reader, LOG) is None,
            "scorer": lambda: not is_scorer_down(reader),
        },
        metrics=metrics,
        log=front.log,
    )
    _serve_openapi(app, ports.version)
    return app


def create(hub: Hub | None = None) -> flask.Flask:
    """Return the app of one gunicorn worker, with the environment's settings.

    Args:
        hub: Where requests park, if they do.

    Raises:
        SettingsInvalid: A setting is unknown or out of range.
        RootRefused: The root key's file cannot be used.
    """
    settings = read_settings(os.environ)
    clock = SystemClock()
    log = logger(
        stream=sys.stderr.buffer, clock=clock, level=settings.severity, process="front_end"
    )
    logging.getLogger("werkzeug").addHandler(Bridge(log))
    carrier: SocketCarrier | CooperativeCarrier
    if hub is None:
        carrier = SocketCarrier(settings.socket_file, clock=clock)
    else:
        carrier = CooperativeCarrier(settings.socket_file, clock=clock, hub=hub)
    folder = os.environ.get(METRICS_FOLDER)
    app = create_app(
        FrontEnd(
            settings=settings,
            secrets=open_secrets(
                settings.root_file, entropy.system, is_used=_is_used(settings.database)
            ),
            submit=carrier,
            reaches_writer=carrier.reaches,
            clock=clock,
            registry=CollectorRegistry(),
            metrics_folder=Path(folder) if folder else None,
            log=log,
            hub=hub,
        )
    )
    settle()
    return app


def _reader(settings: Settings, hub: Hub | None) -> Reader:
    """Return where the app reads; what goes over a network parks its request."""
    place, connections = settings.database, settings.reader_connections
    if hub is None or not isinstance(place, Database):
        # Point reads of SQLite take less time than handing them over.
        return open_reader(place, connections_max=connections)
    from service.front.postgres_reader import (  # noqa: PLC0415  psycopg is an extra
        CooperativePostgresReader,
    )

    return CooperativePostgresReader(place.required("reader"), hub=hub, connections_max=connections)


def _is_used(database: Place) -> bool:
    """Say whether a writer has committed to the store."""
    if not is_made(database):
        return False
    try:
        return open_reader(database).maybe(LAST_COMMIT(shard=SHARD)) is not None
    except StoreUnavailable as error:
        # Without tables nobody worked here; whatever else is wrong says nothing of that.
        return isinstance(database, Database) and "UndefinedTable" not in str(error)


def openapi() -> bytes:
    """Return the OpenAPI document of all routes as JSON text, as docs/openapi.json holds it."""
    return msgspec.json.format(msgspec.json.encode(document(ROUTES, version("payguard"))), indent=1)


def _serve_openapi(app: flask.Flask, of_version: str) -> None:
    text = msgspec.json.encode(document(ROUTES, of_version))

    def openapi_json() -> flask.Response:
        return flask.Response(text, content_type="application/json")

    app.add_url_rule(
        "/openapi.json",
        endpoint="openapi_json",
        view_func=openapi_json,
        methods=["GET"],
        provide_automatic_options=False,
    )
