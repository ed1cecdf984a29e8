import datetime as dt
import json
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
    assert told(later) == told(history)


def test_another_seed_is_another_world(history: History) -> None:
    other = History(2, now=NOW)

    assert {said for _, said in told(other)} != {said for _, said in told(history)}


def told(history: History) -> list[tuple[dt.timedelta, str]]:
    """Return what is told and how long before the end, with the times in each body left out."""
    found = []
    for one in history.events:
        said = [one.reference, one.intent] if isinstance(one, Told) else one.body["amount"]
        if isinstance(one, Paid):
            people = [one.body.get(name, {}).get(f"{name}_id") for name in ("payer", "payee")]
            said = [said, people]
        found.append((one.at - history.end, json.dumps(said)))
    return found


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
