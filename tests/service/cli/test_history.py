import datetime as dt
import threading

import pytest

from risk.simulation.shapes import Paid, Told
from service.cli.history import DAYS, History
from service.cli.screen import Failure

NOW = dt.datetime(2026, 11, 25, 3, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def history() -> History:
    return History(1, now=NOW)


class Desk:
    """Takes what is sent, as a writer would, and remembers it."""

    def __init__(self, *, refuses: str = "") -> None:
        self.refuses = refuses
        self.ids: dict[str, str] = {}
        self.told: list[tuple[Told, str]] = []
        self._guard = threading.Lock()

    def pay(self, paid: Paid) -> tuple[str, str]:
        reference = paid.body["reference"]
        if reference == self.refuses:
            raise Failure("refused", "not taken", then="nothing")
        with self._guard:
            self.ids[reference] = f"pay_{len(self.ids)}"
            return self.ids[reference], "approve"

    def tell(self, told: Told, payment_id: str) -> None:
        with self._guard:
            self.told.append((told, payment_id))


def test_all_of_it_is_over_by_now(history: History) -> None:
    assert max(one.at for one in history.events) < history.end
    assert all(one.at <= NOW for some in history.one_of_each.values() for one in some[:1])


def test_the_same_seed_is_the_same_world_a_month_later(history: History) -> None:
    later = History(1, now=NOW + dt.timedelta(days=31, hours=7))

    assert (later.end - history.end).days % 7 == 0
    assert [(one.at - history.end) for one in history.events] == [
        (one.at - later.end) for one in later.events
    ]


def test_it_ends_within_the_last_days(history: History) -> None:
    assert NOW - history.end < dt.timedelta(days=9)
    assert history.end - min(one.at for one in history.events) <= dt.timedelta(days=DAYS)


def test_every_payment_and_label_is_sent_once_and_to_its_place(history: History) -> None:
    desk = Desk()

    seeded = history.send(desk)

    assert seeded.payments == len(desk.ids)
    assert seeded.labels == len(desk.told)
    assert all(desk.ids[told.reference] == payment_id for told, payment_id in desk.told)


def test_a_payment_that_is_not_taken_ends_it_with_what_was_wrong(history: History) -> None:
    told = next(one for one in history.events if isinstance(one, Told))

    with pytest.raises(Failure, match="not taken"):
        history.send(Desk(refuses=told.reference))
