"""Rules that put on lists what a payment or action has: once, for a time, and told in the log."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from risk.rules.shapes import Rule
from service.db.places import Place
from service.kernel.facts import DeviceKept, PayerKept
from service.rooms.assessments.contract import ActionFacts, AssessAction
from service.rooms.lists.tables import ENTRIES
from service.rooms.payments.contract import CreatePayment
from tests.support.books import Books
from tests.support.desk import Desk, cny
from tests.support.ruled import listing, ruled
from tests.support.uow import START

DAY = dt.timedelta(hours=24)
ON_D1 = DeviceKept(device_id="d_1")
Make = Callable[..., Desk]


@pytest.fixture
def make(place: Place) -> Iterator[Make]:
    """Return what makes a desk under these rules."""
    made: list[Desk] = []

    def of(*rules: Rule) -> Desk:
        made.append(Desk(place, strategy=ruled(*rules)))
        return made[0]

    yield of
    made[0].house.close()


def entries(desk: Desk) -> list[tuple[Any, ...]]:
    names = ("kind", "strength", "entity", "value", "owner", "expires_at")
    return [tuple(row[name] for name in names) for row in desk.house.rows(ENTRIES)]


def noted(desk: Desk) -> list[dict[str, Any]]:
    books = Books(desk.house.place)
    return [one for one in books.entries if one["kind"] == "list_entry.added"]


def test_a_hit_puts_what_it_names_on_the_list_once_and_the_log_tells(make: Make) -> None:
    rule = listing('default(device_id, "") == "d_1"')
    desk = make(rule)

    first = desk.create(device=ON_D1)
    again = desk.create(device=ON_D1)

    assert [first.payment.status, again.payment.status] == ["approved", "approved"]
    assert entries(desk) == [("watch", None, "device", "d_1", rule.code, START + DAY)]
    [entry] = noted(desk)
    assert entry["fields"]["reason"] == "Seen at once with others."
    assert entry["strategy"] == desk.strategy.id
    assert entry["fields"]["assessment"] == desk.payment(first.payment.id).assessment_id
    [row] = desk.house.rows(ENTRIES)
    assert (row["added_by"], row["entry_id"]) == (desk.strategy.id, entry["subject"])


def test_what_was_not_hit_or_not_told_puts_nothing_anywhere(make: Make) -> None:
    desk = make(
        listing('default(device_id, "") == "d_1"'),
        listing("amount_minor > 0", "email", code="two_x"),
    )

    desk.create(device=DeviceKept(device_id="d_2"))
    desk.create()

    assert entries(desk) == []


def test_a_block_refuses_what_comes_after_it_and_not_what_hit(make: Make) -> None:
    desk = make(listing("amount_minor > 50000", "payee", kind="block", hours=2))

    hit = desk.create(amount=cny(60_000))
    after = desk.create()
    desk.house.clock.advance(dt.timedelta(hours=2))
    later = desk.create()

    assert [one.payment.status for one in (hit, after, later)] == [
        "approved",
        "declined",
        "approved",
    ]
    assert after.payment.reason_code == "on_block_list"


def test_a_block_stops_the_execution_of_the_payment_that_it_came_with(make: Make) -> None:
    desk = make(listing("amount_minor > 50000", "payee", kind="block"))

    hit = desk.create(amount=cny(60_000))
    done = desk.accept(desk.execution(hit.token))

    assert (done.payment.status, done.payment.reason_code) == ("declined", "on_block_list")


def test_what_is_replayed_puts_nothing_on_a_list(make: Make) -> None:
    desk = make(listing("amount_minor > 0", "payee"))
    desk.call = desk.another(mode="sandbox")

    desk.create(is_replayed=True, occurred_at=START - 30 * DAY)
    assert entries(desk) == []
    desk.create()
    assert len(entries(desk)) == 1


def test_an_entry_that_is_over_makes_room_for_the_next(make: Make) -> None:
    desk = make(listing("amount_minor > 0", "payee", hours=1))

    desk.create()
    desk.house.clock.advance(dt.timedelta(hours=1))
    desk.create()

    assert [one[-1] for one in entries(desk)] == [START + dt.timedelta(hours=2)]
    assert len(noted(desk)) == 2


def test_two_rules_that_name_the_same_place_fill_it_once(make: Make) -> None:
    desk = make(
        listing("amount_minor > 0", "payee", code="one_x"),
        listing("amount_minor > 0", "payee", code="two_x"),
    )

    desk.create()

    assert [one[4] for one in entries(desk)] == ["one_x"]


def test_an_address_is_listed_whole_and_found_again(make: Make) -> None:
    keys = ("ip_" + "0" * 32, "ip_" + "1" * 32, "ip_" + "2" * 32, "ip_" + "3" * 32)
    device = DeviceKept(ip_keys=keys)
    desk = make(listing("amount_minor > 50000", "ip", kind="block"))

    desk.create(amount=cny(60_000), device=device)
    neighbour = DeviceKept(ip_keys=(*keys[:3], "ip_" + "4" * 32))

    assert entries(desk)[0][3] == keys[3]
    assert desk.create(device=device).payment.status == "declined"
    assert desk.create(device=neighbour).payment.status == "approved"


def test_a_rule_of_actions_lists_as_well(make: Make) -> None:
    desk = make(listing('action == "login" and remote_access', stages=("account",)))
    facts = ActionFacts(
        event="login",
        payer=PayerKept(payer_key="c_17", payer_id="c_17"),
        occurred_at=START,
        device=DeviceKept(device_id="d_1", remote_access=True),
    )

    desk.accept(AssessAction(facts=facts))

    assert [one[:4] for one in entries(desk)] == [("watch", None, "device", "d_1")]
    assert len(noted(desk)) == 1


def test_a_refused_payment_puts_nothing_on_a_list(make: Make) -> None:
    desk = make(listing("amount_minor > 0", "payee"))

    assert desk.refuse(CreatePayment(facts=desk.facts(occurred_at=START - 2 * DAY))) != ""
    assert entries(desk) == []
