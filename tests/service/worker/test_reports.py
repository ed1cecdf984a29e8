"""What came of deliveries is kept until the writer has it, in bounded memory, and sent once."""

import time

import pytest

from service.kernel.errors import Faulted, Overloaded, ResultUnknown, SubmitFailed
from service.worker.parcels import PARCELS_MAX, WAITING_PER_RECEIVER
from service.worker.post import USUAL
from service.worker.receivers import WINDOW_FIRST
from tests.service.worker.conftest import Sender, a_parcel
from tests.service.worker.office import Note, Office, Store, until
from tests.support import stub_receiver as stubs
from tests.support.stub_receiver import StubReceiver

pytestmark = pytest.mark.long

SECRET = b"4929123412341234"


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def sender(sender: Sender) -> Sender:
    sender.limits = USUAL
    return sender


@pytest.fixture
def office(store: Store, sender: Sender) -> Office:
    return Office(store, sender)


@pytest.mark.parametrize("error", [Overloaded(), ResultUnknown()], ids=["not_taken", "unknown"])
def test_while_the_writer_is_away_results_are_kept_and_nothing_is_sent_twice(
    store: Store, office: Office, error: SubmitFailed
) -> None:
    store.broken = lambda _: error
    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 50)
        with office.running():
            until(lambda: "deliveries_postponed" in office.logged())
            until(lambda: store.looks > 20)
            store.broken = lambda _: None
            until(lambda: store.delivered() == 50)

    assert len(receiver.requests) == 50


def test_what_was_done_though_no_answer_came_is_reported_again(
    store: Store, office: Office
) -> None:
    asked: list[Note] = []

    def once(note: Note) -> SubmitFailed | None:
        asked.append(note)
        return ResultUnknown() if len(asked) == 1 else None

    store.broken = once
    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 1)
        with office.running():
            until(lambda: store.delivered() == 1)

    assert (asked[0], len(receiver.requests)) == (asked[1], 1)


def test_memory_is_bounded_while_the_writer_is_away(store: Store, office: Office) -> None:
    store.broken = lambda _: Overloaded()
    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 3 * WAITING_PER_RECEIVER)
        with office.running():
            until(lambda: len(receiver.requests) >= WAITING_PER_RECEIVER // 4)
            looks = store.looks
            until(lambda: store.looks > looks + 20)

    assert len(receiver.requests) <= WAITING_PER_RECEIVER


def test_with_a_full_memory_the_store_is_not_even_asked(store: Store, office: Office) -> None:
    store.broken = lambda _: Overloaded()
    with stubs.nobody() as port:
        for number in range(PARCELS_MAX + 50):
            store.add(f"http://127.0.0.1:{port}/", f"r{number}", 1)
        with office.running():
            until(lambda: len(office.loop._held) == PARCELS_MAX)
            time.sleep(0.1)
            looks = store.looks
            time.sleep(0.2)

    assert store.looks == looks
    assert len(office.loop._held) <= PARCELS_MAX


def test_one_report_that_faults_does_not_keep_the_others(store: Store, office: Office) -> None:
    store.broken = lambda note: Faulted("cmd_1") if "a-7" in note.ids else None
    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 20)
        with office.running():
            until(lambda: store.delivered() == 19)
            until(lambda: "delivery_not_settled" in office.logged())
            looks = store.looks
            until(lambda: store.looks > looks + 20)

    assert (len(receiver.requests), list(store.due)) == (20, ["a-7"])


def test_a_report_that_is_refused_is_about_what_has_moved_on(store: Store, office: Office) -> None:
    store.refuses = {"a-3"}
    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 5)
        with office.running():
            until(lambda: store.delivered() == 4 and "delivery_moved_on" in office.logged())
            until(lambda: not office.loop._held)

    assert (len(receiver.requests), office.loop._paused) == (5, {})


def test_what_one_receiver_has_left_alone_makes_no_other_read_more(office: Office) -> None:
    for number in range(100):
        office.loop._pause(a_parcel("", delivery_id=f"a-{number}", receiver="a"))

    room = office.loop._room(0)

    assert (room("a"), room("b")) == (WINDOW_FIRST + 1 + 100, WINDOW_FIRST + 1)


def test_a_parcel_that_cannot_be_signed_does_not_keep_the_others(
    store: Store, office: Office
) -> None:
    def broken(_now: int) -> dict[str, str]:
        raise KeyError(SECRET)

    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 1, sign=broken)
        store.add(receiver.url, "b", 5)
        with office.running():
            until(lambda: store.delivered() == 5)
            until(lambda: "delivery_faulted" in office.logged())

    assert SECRET not in office.lines.getvalue()


def test_a_store_that_is_away_is_asked_again(store: Store, office: Office) -> None:
    store.is_away = True
    with StubReceiver() as receiver:
        store.add(receiver.url, "a", 3)
        with office.running():
            until(lambda: store.looks > 5)
            store.is_away = False
            until(lambda: store.delivered() == 3)
