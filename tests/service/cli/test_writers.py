import contextlib
import io
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from service.cli.screen import Failure
from service.cli.writers import WriterThread, ask, house_call, writer_at_hand
from service.db.reader import SQLiteReader
from service.kernel.clock import SystemClock
from service.kernel.errors import Faulted, Overloaded, ResultUnknown, SubmitFailed
from service.kernel.logs import logger
from service.rooms.custody.queries import KEYS_OF_PURPOSE
from service.rooms.merchants.contract import CreateMerchant, Merchant
from service.settings import Settings
from service.unit_of_work.commands import HOUSE, Reply
from service.writer.lock import WriterLock, WriterRuns
from tests.support.terminal import Terminal

COMMAND = CreateMerchant(name="Kites")


@contextlib.contextmanager
def a_writer(settings: Settings) -> Iterator[WriterThread]:
    log = logger(stream=io.BytesIO(), clock=SystemClock())
    thread = WriterThread(settings, registry=CollectorRegistry(), log=log, stopped=lambda: None)
    with thread as writer:
        yield writer


def test_a_writer_of_this_process_serves_and_gives_the_lock_back(payguard: Terminal) -> None:
    settings = Settings(data_dir=payguard.home)

    with writer_at_hand(settings) as submit:
        made = ask(submit, COMMAND, call=house_call()).read(Merchant)

    assert made.name == "Kites"
    with WriterLock(settings.lock_file):
        pass


def test_two_writers_do_not_work_at_a_time(payguard: Terminal) -> None:
    settings = Settings(data_dir=payguard.home)

    with a_writer(settings), pytest.raises(WriterRuns), a_writer(settings):
        pass


def test_a_writer_that_is_there_but_silent_is_told_with_its_process(payguard: Terminal) -> None:
    settings = Settings(data_dir=payguard.home)

    with (
        WriterLock(settings.lock_file),
        pytest.raises(Failure, match="held by process") as failed,
        writer_at_hand(settings),
    ):
        pass

    assert failed.value.code == "writer_silent"


def test_the_first_writer_of_a_store_makes_its_signing_key(payguard: Terminal) -> None:
    settings = Settings(data_dir=payguard.home)

    with a_writer(settings):
        pass
    with a_writer(settings):
        pass

    rows = SQLiteReader(settings.database_file).fetch(
        KEYS_OF_PURPOSE(tenant_id=HOUSE, purpose="payment_token")
    )
    assert [row["state"] for row in rows] == ["active"]


@pytest.mark.parametrize(
    ("met", "code", "status"),
    [
        (Overloaded(), "overloaded", 4),
        (ResultUnknown(), "result_unknown", 4),
        (Faulted("cmd_1"), "internal_error", 3),
    ],
    ids=["overloaded", "unknown", "faulted"],
)
def test_no_reply_is_told_as_what_it_means(met: SubmitFailed, code: str, status: int) -> None:
    def submit(*_: object, **__: object) -> Reply:
        raise met

    with pytest.raises(Failure) as failed:
        ask(submit, COMMAND, call=house_call())

    assert (failed.value.code, failed.value.status) == (code, status)
