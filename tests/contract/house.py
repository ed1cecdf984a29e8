"""The whole service in one process: a real store, a writer's thread, the app behind its client.

Two merchants with a tenant each (Ada's and Bob's), and a third in Ada's tenant. The clock moves
only when told to: a millisecond with each request, so that times order what ids cannot.
"""

import datetime as dt
import io
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from keys import entropy
from keys.api_keys import new_api_key
from risk.strategy import load_strategy
from service.carriers.queue import QueueCarrier
from service.db import migrate
from service.db.places import Database, Place, alchemy_url
from service.db.stores import open_spanning_reader, open_store
from service.kernel.clock import FrozenClock
from service.kernel.logs import logger
from service.rooms.assessments import jobs as assessments
from service.rooms.assessments.public import Judge
from service.rooms.audit import jobs as audit
from service.rooms.audit.contract import LOG
from service.rooms.audit.model import new_log_key
from service.rooms.custody.model import new_signing_key
from service.rooms.merchants.contract import (
    DEFAULT_SCOPES,
    HOUSE_SCOPES,
    OFFICER_SCOPES,
    CreateKey,
    CreateMerchant,
    Key,
    Merchant,
    Preset,
    Scope,
)
from service.rooms.models.commands import handlers as model_handlers
from service.rooms.models.model import signer
from service.rooms.payments import jobs
from service.rooms.webhooks import jobs as webhooks
from service.secrets import open_secrets
from service.settings import Settings
from service.state.codec import WindowStates
from service.unit_of_work.commands import HOUSE, Call, Command, Mode, Reply
from service.unit_of_work.handlers import Handler, Handlers
from service.worker.loop import WorkerLoop
from service.worker.outside import CheckpointFolder
from service.writer.assemble import Parts, Writer, assemble
from service.writer.handlers import all_handlers
from service.writer.measure import Measure
from service.wsgi import FrontEnd, create_app
from tests.contract.watch import Answer, Watcher

START: Final = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)
# What a live key may have: the tests of what is refused take one away.
# Signs models; the same in every run, so that what it signed can be shown.
MAKER: Final = signer(bytes(range(32)))
EVERY_SCOPE: Final[tuple[Scope, ...]] = (
    *DEFAULT_SCOPES,
    *sorted(OFFICER_SCOPES | HOUSE_SCOPES),
)
TICK: Final = dt.timedelta(milliseconds=1)
# What is asked here is what the answer is, not when it comes: one disk that stands still for two
# seconds among ten thousand requests is no finding.
PATIENT: Final[dict[str, Any]] = {"rate_per_minute": 10_000_000, "deadline_ms": 30_000}
SECONDS_30_NS: Final = 30_000_000_000


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """An API key with whose it is."""

    text: str
    key_id: str
    tenant_id: str
    merchant_id: str
    mode: Mode


class House:
    """Writer, front end and worker over one database, and what tests ask of them."""

    def __init__(
        self,
        folder: Path,
        *,
        extra: Iterable[Handler] = (),
        random: Callable[[int], bytes] = entropy.system,
        database: Database | None = None,
        **settings: Any,
    ) -> None:
        given = PATIENT | _addresses(database) | settings
        self.settings = Settings(data_dir=folder, **given)
        migrate.upgrade(self.settings.database)
        self.clock = FrozenClock(START)
        self.lines = {name: io.BytesIO() for name in ("front_end", "writer", "worker")}
        self.secrets = open_secrets(self.settings.root_file, entropy.system)
        self.store = open_store(self.settings.database)
        self.registry = CollectorRegistry()
        self.writer = self._writer(extra, random)
        self.submit = QueueCarrier(self.writer.put, clock=self.clock, entropy=random)
        self.thread = threading.Thread(
            target=self.writer.loop.run, kwargs={"ready": _nothing}, daemon=True
        )
        self.thread.start()
        self.app = create_app(
            FrontEnd(
                settings=self.settings,
                secrets=self.secrets,
                submit=self.submit,
                reaches_writer=lambda: True,
                clock=self.clock,
                registry=self.registry,
                metrics_folder=None,
                log=self._log("front_end"),
            )
        )
        self.reader = open_spanning_reader(self.settings.database)
        self.worker = WorkerLoop(
            (
                jobs.due_payments(self.reader),
                assessments.due_assessments(self.reader),
                webhooks.FanOuts(self.reader),
            ),
            submit=self.submit,
            clock=self.clock,
            every_s=0.01,
            log=self._log("worker"),
        )
        self.signing = WorkerLoop(
            (self._growing(folder),),
            submit=self.submit,
            clock=self.clock,
            every_s=0.01,
            log=self._log("worker"),
        )
        self.watcher = Watcher(self.app)
        self._count = 0
        self._engine = sa.create_engine(_url(self.settings.database))
        self.do(new_signing_key(self.secrets.sealer, entropy.system), self.own())

    def _growing(self, folder: Path) -> audit.Growing:
        return audit.Growing(
            self.reader,
            CheckpointFolder(folder / "checkpoints", LOG),
            sealer=lambda: self.secrets.sealer,
            first_key=partial(
                new_log_key, LOG, issuer="https://pay.example", entropy=entropy.system
            ),
            every=dt.timedelta(0),
            log=self._log("worker"),
        )

    def sign(self) -> None:
        """Let the log's tree take in every entry, and sign it."""
        while self.signing.run_once():
            pass

    def close(self) -> None:
        self.writer.loop.stop()
        self.thread.join()
        self._engine.dispose()
        self.store.close()

    def own(self) -> Call:
        """Return the call of the house itself."""
        fields = dict.fromkeys(("tenant_id", "merchant_id"), HOUSE)
        return Call(principal="cli", mode="live", origin="cli", request_id="req_x", **fields)

    def do(self, command: Command, call: Call) -> Reply:
        """Submit a command past the front end."""
        deadline_ns = self.clock.monotonic_ns() + SECONDS_30_NS
        reply = self.submit(command, call=call, deadline_ns=deadline_ns)
        assert reply.kind == "accepted", reply.problem
        return reply

    def merchant(self, *, preset: Preset = "judge_only", tenant_id: str | None = None) -> Merchant:
        command = CreateMerchant(name="Lin's Phones", preset=preset, tenant_id=tenant_id)
        return self.do(command, self.own()).read(Merchant)

    def key(
        self, of: Merchant, mode: Mode = "sandbox", scopes: tuple[Scope, ...] = EVERY_SCOPE
    ) -> Holder:
        text = new_api_key(mode, entropy.system)
        command = CreateKey(
            mode=mode,
            scopes=scopes,
            secret_hash=text.index(self.secrets.api_key_index),
            label=f"server {self.next()}",
        )
        made = self.do(command, self.call_of(of)).read(Key)
        return Holder(
            text=text.reveal(),
            key_id=made.key_id,
            tenant_id=of.tenant_id,
            merchant_id=of.merchant_id,
            mode=mode,
        )

    def call_of(self, of: Merchant | Holder, mode: Mode = "live") -> Call:
        """Return a call past the front end for a merchant."""
        return Call(
            principal="cli",
            tenant_id=of.tenant_id,
            merchant_id=of.merchant_id,
            mode=of.mode if isinstance(of, Holder) else mode,
            origin="cli",
            request_id="req_x",
        )

    def next(self) -> int:
        """Return a number that was never returned before."""
        self._count += 1
        return self._count

    def send(
        self,
        method: str,
        path: str,
        *,
        key: Holder | None = None,
        body: Any = None,
        headers: Mapping[str, str | None] | None = None,
        **environ: Any,
    ) -> Answer:
        """Send a request and check its answer against the OpenAPI document.

        A body that is not bytes is sent as JSON. Headers given as None are left out; an
        Idempotency-Key is made for each POST that gives none.
        """
        self.clock.advance(TICK)
        sent: dict[str, str | None] = {}
        if key is not None:
            sent["Authorization"] = f"Bearer {key.text}"
        if method == "POST":
            sent["Idempotency-Key"] = f"idempotency-{self.next():08d}"
        raw = b""
        if body is not None:
            sent["Content-Type"] = "application/json"
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent |= headers or {}
        response = self.app.test_client().open(
            path,
            method=method,
            data=raw,
            headers={name: value for name, value in sent.items() if value is not None},
            environ_overrides=environ,
        )
        answer = Answer(response.status_code, dict(response.headers), response.data)
        response.close()
        self.watcher.check(method, path, answer)
        return answer

    def get(self, path: str, key: Holder) -> Any:
        """Return what a path shows."""
        answer = self.send("GET", path, key=key)
        assert answer.status == 200, answer
        return answer.json

    def post(self, path: str, key: Holder, body: Any = None, *, status: int = 200) -> Any:
        """Return the answer to a body, which must have this status."""
        answer = self.send("POST", path, key=key, body={} if body is None else body)
        assert answer.status == status, answer
        return answer.json

    def create(self, key: Holder, **changes: Any) -> dict[str, Any]:
        """Return a payment that was just created."""
        made: dict[str, Any] = self.post("/v1/payments", key, self.body(**changes), status=201)
        return made

    def body(self, **changes: Any) -> dict[str, Any]:
        """Return a good body of POST /v1/payments, of a payer never seen before."""
        number = self.next()
        return {
            "reference": f"ord-{number}",
            "kind": "purchase",
            "occurred_at": self.clock.now().isoformat(),
            "amount": {"value": 38_000, "currency": "CNY"},
            "payer": {"payer_id": f"c_{number}"},
            "payee": {"payee_id": "p_77"},
            "device": {"device_id": f"d_{number}"},
        } | changes

    def rows(self) -> dict[str, set[tuple[Any, ...]]]:
        """Return every row of every table, once feature state is written back."""
        while self.writer.cache.waiting:
            time.sleep(0.005)
        with self._engine.connect() as connection:
            names = sa.inspect(connection).get_table_names()
            return {
                name: set(map(tuple, connection.exec_driver_sql(f'SELECT * FROM "{name}"')))  # noqa: S608  names of our own tables
                for name in names
            }

    def entries(self, payment_id: str) -> list[str]:
        """Return the kinds of a payment's entries, in order."""
        text = "SELECT kind FROM entries WHERE payment_id = :payment_id ORDER BY position"
        return [row[0] for row in self.query(text, payment_id=payment_id)]

    def query(self, text: str, **values: Any) -> list[tuple[Any, ...]]:
        """Return rows of the database; `:name` stands for a value."""
        with self._engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(text), values)]

    def _writer(self, extra: Iterable[Handler], random: Callable[[int], bytes]) -> Writer:
        judge = Judge(load_strategy(), self.secrets.sealer)
        known = all_handlers(judge, issuer=self.settings.issuer)
        return assemble(
            Parts(
                store=self.store,
                handlers=Handlers((*known.names.values(), *model_handlers(MAKER.verifier), *extra)),
                clock=self.clock,
                random=random,
                sealer=self.secrets.sealer,
                codec=WindowStates(),
                observer=Measure(self.registry, self._log("writer")),
                queue_length_max=self.settings.queue_length_max,
                entity_bytes_max=64 << 20,
            )
        )

    def _log(self, process: str) -> Any:
        return logger(stream=self.lines[process], clock=self.clock, process=process)


def _addresses(database: Database | None) -> dict[str, str]:
    if database is None:
        return {}
    return {
        "database_url": database.writer,
        "reader_url": database.reader,
        "owner_url": database.owner,
    }


def _url(place: Place) -> str:
    return f"sqlite:///{place}" if isinstance(place, Path) else alchemy_url(place.writer)


def _nothing() -> None:
    """Nobody waits for the writer to be ready: commands queue."""
