"""The worker that the process opens has every timer, and does what they find."""

import datetime as dt
import io
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from service.db.places import Place
from service.db.statements import Statement
from service.kernel.clock import FrozenClock
from service.kernel.logs import logger
from service.settings import Settings, read_settings
from service.unit_of_work.commands import Call, Command, Lane, Reply
from service.unit_of_work.tables import IDEMPOTENCY
from service.worker.challenging import Challenging
from service.worker.deliveries import Deliveries
from service.worker.holding import Holding
from service.worker.loop import WorkerLoop
from service.worker.main import open_worker, serve
from service.writer.lock import WriterLock, WriterRuns
from tests.support.desk import Desk
from tests.support.uow import START

LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
OLD_REPLY = Statement(sa.insert(IDEMPOTENCY), rows=1, name="an old reply")
LOG = logger(stream=io.BytesIO(), clock=FrozenClock(START))


def at(place: Place, settings: Settings) -> Settings:
    """Return the settings of processes whose store is at a place."""
    if isinstance(place, Path):
        return msgspec.structs.replace(settings, data_dir=place.parent)
    return msgspec.structs.replace(settings, database_url=place.writer, reader_url=place.reader)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings({"PAYGUARD_DATA_DIR": str(tmp_path)})


def test_it_expires_payments_and_trims_replies(place: Place, settings: Settings) -> None:
    # Its clock is the system's: the day on which the house of tests stands still is over.
    desk = Desk(place)
    desk.create()
    transaction = desk.house.store.begin()
    key = {"tenant_id": "ten_1", "owner": "mer_1:live", "route": "POST /", "key_hash": bytes(32)}
    kept = {"fingerprint": bytes(32), "reply": b"x", "batch": 1, "created_at": LONG_AGO}
    transaction.run([OLD_REPLY(**key, **kept)])
    transaction.commit()
    settings = at(place, settings)
    commands: list[str] = []

    def submit(command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now") -> Reply:
        assert (deadline_ns > 0, lane) == (True, "later")
        commands.append(type(command).__name__)
        return desk.house.run(command, call)

    worker = open_worker(settings, submit=submit, registry=CollectorRegistry(), log=LOG)
    done = [one.run_once() for one in worker.loops if isinstance(one, WorkerLoop)]

    # The log has no key yet: there is no root key here.
    assert (done, commands) == ([2, 0, 0], ["ExpirePayment", "TrimIdempotency"])
    assert [type(one) for one in worker.loops] == [
        Holding,
        *[WorkerLoop] * 3,
        Deliveries,
        Challenging,
    ]
    desk.house.close()


def test_a_second_worker_does_not_start(settings: Settings) -> None:
    with WriterLock(settings.worker_lock_file), pytest.raises(WriterRuns):
        serve(settings, LOG)
