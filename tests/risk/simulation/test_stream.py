import datetime as dt
import ipaddress
import itertools
from collections import Counter
from typing import Any

import msgspec
import pytest

from risk.simulation.people import BINS
from risk.simulation.shapes import LEVELS, Paid, Told, read_world
from risk.simulation.stream import FRAUD_MAX, START_MAX, START_MIN, Plan, Run, digest, simulate
from service.rooms.payments.contract import CreatePaymentRequest, rule_errors

START = dt.date(2026, 1, 5)
DAY = dt.timedelta(days=1)
# The stream of one small world; whoever changes what the world yields writes a new one here.
PINNED = "91556a836b4b735237bb0d2a517700c5a9a7467b31e4a21f71e2c789320397a7"
DOCUMENTED = tuple(
    map(
        ipaddress.ip_network,
        ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"),
    )
)


def plan(*, seed: int = 1, days: int = 7, payers: int = 60, fraud: float = 10.0) -> Plan:
    return Plan(seed=seed, start=START, days=days, payers=payers, fraud=fraud)


def events(**how: Any) -> list[Paid | Told]:
    return list(simulate(read_world(), plan(**how)))


@pytest.fixture(scope="module")
def world() -> list[Paid | Told]:
    return events(days=42, payers=200, fraud=15.0)


@pytest.fixture(scope="module")
def payments(world: list[Paid | Told]) -> list[Paid]:
    return [one for one in world if isinstance(one, Paid)]


@pytest.fixture(scope="module")
def labels(world: list[Paid | Told]) -> list[Told]:
    return [one for one in world if isinstance(one, Told)]


def test_a_seed_gives_the_same_bytes_everywhere() -> None:
    assert digest(events()) == PINNED


def test_another_seed_gives_another_world() -> None:
    assert digest(events(seed=2)) != PINNED


def test_more_fraud_leaves_what_is_ordinary_as_it_is() -> None:
    few, many = (
        Counter(
            (one.body["occurred_at"], one.body["amount"]["value"], str(one.body["payer"]))
            for one in events(fraud=fraud)
            if isinstance(one, Paid)
            and one.scenario == "ordinary"
            # Whose account is taken over has another contact from then on; strangers come with
            # numbers of their own.
            and not {"contact_changed_at", "email"} & one.body["payer"].keys()
        )
        for fraud in (0.0, 20.0)
    )

    assert not many - few
    assert sum((few - many).values()) <= sum(few.values()) // 20


def test_every_payment_is_one_that_the_door_takes(payments: list[Paid]) -> None:
    for one in payments:
        assert not rule_errors(msgspec.convert(one.body, CreatePaymentRequest))


def test_events_come_in_the_order_of_their_times(world: list[Paid | Told]) -> None:
    assert all(before.at <= after.at for before, after in itertools.pairwise(world))


def test_a_label_comes_after_its_payment_and_once(payments: list[Paid], labels: list[Told]) -> None:
    paid = {one.body["reference"]: one.at for one in payments}

    assert len(paid) == len(payments)
    assert len({one.reference for one in labels}) == len(labels)
    assert all(one.at > paid[one.reference] for one in labels)


def test_every_fraud_comes_at_every_level(payments: list[Paid]) -> None:
    found = {(one.scenario, one.level) for one in payments}

    wanted = {(kind, level) for kind in ("card_testing", "takeover", "scam") for level in LEVELS}
    assert found == {("ordinary", 0), *wanted}


def test_most_fraud_is_told_late_and_some_never(payments: list[Paid], labels: list[Told]) -> None:
    told = {one.reference: one for one in labels}
    frauds = [one for one in payments if one.scenario != "ordinary"]
    missed = [one for one in frauds if one.body["reference"] not in told]

    assert 0 < len(missed) < len(frauds) // 20
    late = [told[one.body["reference"]].at - one.at for one in frauds if one not in missed]
    assert sorted(late)[len(late) // 2] > dt.timedelta(hours=6)


def test_some_honest_payments_are_claimed_to_be_none(
    payments: list[Paid], labels: list[Told]
) -> None:
    ordinary = {one.body["reference"] for one in payments if one.scenario == "ordinary"}
    said = Counter(one.intent for one in labels if one.reference in ordinary)

    assert 0 < said["unauthorized"] + said["first_party"] < len(ordinary) // 100
    assert said["normal"] > 0
    assert said["scam"] == 0


def test_addresses_and_bins_are_those_that_nobody_has(payments: list[Paid]) -> None:
    told = [one.body for one in payments if "entry" in one.body]
    ips = {ipaddress.ip_address(one["device"]["ip"]) for one in told}
    bins = {one["instrument"]["bin"] for one in told}
    mails = {one.body["payer"].get("email", "@example.com") for one in payments}

    assert all(any(ip in network for network in DOCUMENTED) for ip in ips)
    assert bins == {one[0] for one in BINS}
    assert {one.partition("@")[2] for one in mails} <= {"example.com", "example.net"}


def test_of_what_is_paid_at_a_till_little_is_told_and_none_is_fraud(
    payments: list[Paid],
) -> None:
    brief = [one for one in payments if "entry" not in one.body]

    assert len(payments) // 20 < len(brief) < len(payments) // 5
    assert {one.scenario for one in brief} == {"ordinary"}
    assert {"device" in one.body for one in brief} == {True, False}


def test_there_is_more_on_a_saturday_and_after_salaries_than_on_a_tuesday(
    payments: list[Paid],
) -> None:
    local = dt.timezone(dt.timedelta(hours=8))
    days = Counter(one.at.astimezone(local).date() for one in payments)
    saturdays = [count for day, count in days.items() if day.weekday() == 5]
    tuesdays = [count for day, count in days.items() if day.weekday() == 1]

    assert sum(saturdays) / len(saturdays) > 1.1 * sum(tuesdays) / len(tuesdays)
    paid_days = sum(days[dt.date(2026, 1, day)] for day in (10, 11, 12))
    assert paid_days > 1.2 * sum(days[dt.date(2026, 1, day)] for day in (17, 18, 19))


@pytest.mark.parametrize(
    "wrong", [{"days": 0}, {"payers": 0}, {"fraud": -1.0}, {"fraud": FRAUD_MAX + 1}]
)
def test_a_world_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="to"):
        plan(**wrong)


@pytest.mark.parametrize("start", [dt.date.min, START_MIN - DAY, START_MAX + DAY, dt.date.max])
def test_a_world_out_of_all_time_is_refused(start: dt.date) -> None:
    with pytest.raises(ValueError, match="first day"):
        Plan(seed=1, start=start, days=1, payers=1)


def test_the_same_world_lies_at_another_time_where_its_calendar_is_kept() -> None:
    there = Plan(seed=1, start=START, days=14, payers=30, fraud=10.0)
    later = msgspec.structs.replace(
        there, start=START + dt.timedelta(weeks=40, days=2), calendar=START
    )

    here, moved = (list(simulate(read_world(), one)) for one in (there, later))

    shift = dt.timedelta(weeks=40, days=2)
    assert [one.at + shift for one in here] == [one.at for one in moved]
    assert [one.body["amount"] for one in here if isinstance(one, Paid)] == [
        one.body["amount"] for one in moved if isinstance(one, Paid)
    ]


def test_one_of_each_comes_in_the_day_after_the_last() -> None:
    run = Run(read_world(), plan(days=10, payers=80))
    last = max(one.at for one in run.events() if isinstance(one, Paid))

    found = run.one_of_each()

    assert list(found) == ["ordinary", "card_testing", "takeover", "scam"]
    first = [some[0].at for some in found.values()]
    assert first == sorted(first)
    assert all(
        last < one.at < last + dt.timedelta(days=2) for some in found.values() for one in some
    )
    assert len(found["ordinary"]) == 1
    assert len({one.body["instrument"]["instrument_id"] for one in found["card_testing"]}) > 6


def test_one_kind_of_fraud_may_come_more_often_than_the_others() -> None:
    usual = plan(days=20, payers=120, fraud=10.0)
    more = msgspec.structs.replace(usual, mix={"scam": 5.0, "takeover": 0.0})

    found = Counter(one.scenario for one in simulate(read_world(), more) if isinstance(one, Paid))

    assert found["takeover"] == 0
    assert found["scam"] > found["card_testing"] / 2 > 0
