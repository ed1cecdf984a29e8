import datetime as dt
import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from keys.sealing import NotOpened
from keys.webhooks import Verifier
from service.db.statements import Bound, Statement
from service.rooms.webhooks import jobs, queries
from service.rooms.webhooks.contract import (
    DELIVERED_AT_ONCE,
    MESSAGES_AT_ONCE,
    DeleteEndpoint,
    Delivered,
    DeliveryFailed,
    RotateSecret,
)
from service.rooms.webhooks.tables import SECRETS
from service.unit_of_work.tables import MESSAGES
from service.worker.due import Due
from tests.service.rooms.webhooks.conftest import Hooks, outcome
from tests.support.guards import run_alone
from tests.support.places import plan
from tests.support.uow import START

NOW_S = 1_764_000_000
# What plans say of a table that is read from end to end, and of rows that are sorted.
SCANS = re.compile(r"SCAN|.*Seq Scan")
SORTS = re.compile(r"TEMP B-TREE|-> +(Incremental )?Sort$", re.MULTILINE)


def several(hooks: Hooks, count: int) -> None:
    for _ in range(count):
        hooks.desk.create()
    hooks.fan_out()


def test_a_parcel_says_all_that_its_attempt_needs(hooks: Hooks) -> None:
    made = hooks.endpoint()

    [parcel] = hooks.pay()

    assert (parcel.receiver, parcel.url, parcel.attempt) == (made.id, made.url, 1)
    assert parcel.sandbox
    assert parcel.call.merchant_id == hooks.call.merchant_id
    headers = parcel.sign(NOW_S)
    assert headers["content-type"].startswith("application/cloudevents+json")
    verifier = Verifier([made.public_keys[0].public_key])
    assert verifier.verify(headers, parcel.body, now_s=NOW_S) == headers["webhook-id"]


def test_a_receiver_has_so_many_and_a_busy_one_none(hooks: Hooks) -> None:
    one, other = hooks.endpoint(), hooks.endpoint()
    several(hooks, 4)

    parcels = hooks.parcels(limit=3)
    rest = hooks.parcels(limit=3, busy=(one.id,))

    assert sorted(parcel.receiver for parcel in parcels) == sorted([one.id, other.id] * 3)
    assert {parcel.receiver for parcel in rest} == {other.id}


def test_the_oldest_comes_first(hooks: Hooks) -> None:
    hooks.endpoint()
    for _ in range(3):
        hooks.pay()
        hooks.wait(dt.timedelta(seconds=1))

    due = [parcel.delivery_id for parcel in hooks.parcels()]

    assert due == sorted(due)


def test_both_keys_sign_during_an_overlap(hooks: Hooks) -> None:
    made = hooks.endpoint()
    command = RotateSecret(endpoint_id=made.id, overlap_s=60, **hooks.keys())
    rotated = hooks.house.accept(command, hooks.call)
    [parcel] = hooks.pay()
    hooks.wait(dt.timedelta(seconds=60))
    [later] = hooks.parcels()

    during, after = parcel.sign(NOW_S), later.sign(NOW_S)

    assert len(during["webhook-signature"].split(" ")) == 4
    assert len(after["webhook-signature"].split(" ")) == 2
    for one in rotated.public_keys:
        assert Verifier([one.public_key]).verify(during, parcel.body, now_s=NOW_S)


def test_keys_moved_to_another_row_open_no_more(hooks: Hooks) -> None:
    hooks.endpoint()
    hooks.endpoint()
    hooks.pay()
    one, other = hooks.secrets()
    moved = Statement(
        sa.update(SECRETS)
        .where(SECRETS.c.secret_id == one["secret_id"])
        .values(sealed=other["sealed"]),
        name="moves a sealed key",
    )
    run_alone(hooks.house.place, moved())

    signed = []
    for parcel in hooks.parcels():
        if parcel.receiver == one["endpoint_id"]:
            with pytest.raises(NotOpened):
                parcel.sign(NOW_S)
        else:
            signed.append(parcel.sign(NOW_S))
    assert len(signed) == 1


def test_a_deleted_endpoint_is_sent_nothing(hooks: Hooks) -> None:
    made = hooks.endpoint()
    hooks.pay()

    hooks.house.accept(DeleteEndpoint(endpoint_id=made.id), hooks.call)

    assert hooks.parcels() == []


def test_outcomes_become_one_command_a_receiver_and_one_a_failure(hooks: Hooks) -> None:
    one, other = hooks.endpoint(), hooks.endpoint()
    several(hooks, 3)
    parcels = hooks.parcels()
    failing = parcels[0]

    dues = jobs.settle(
        [outcome(parcel) for parcel in parcels[1:]] + [outcome(failing, "reset", None)]
    )

    failed = [due.command for due in dues if isinstance(due.command, DeliveryFailed)]
    taken = [due.command for due in dues if isinstance(due.command, Delivered)]
    assert [command.delivery_id for command in failed] == [failing.delivery_id]
    assert sorted(command.endpoint_id for command in taken) == sorted([one.id, other.id])
    assert sum(len(command.attempts) for command in taken) == 5


def test_a_command_takes_so_many_and_no_more(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()

    dues = jobs.settle([outcome(parcel)] * (DELIVERED_AT_ONCE + 1))

    sizes = [len(due.command.attempts) for due in dues if isinstance(due.command, Delivered)]
    assert sizes == [DELIVERED_AT_ONCE, 1]


def test_the_same_delivery_twice_in_one_report_ends_once(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    [due] = jobs.settle([outcome(parcel)] * 2)

    assert hooks.run(due).kind == "accepted"
    assert hooks.deliveries()[0]["attempts"] == 1


def test_receivers_have_their_turn_one_after_the_other(hooks: Hooks) -> None:
    made = [hooks.endpoint().id for _ in range(3)]
    hooks.pay()
    source = jobs.Deliveries(hooks.house.spanning, hooks.desk.sealer, receivers=1)

    looks = [source(hooks.house.clock.now(), lambda _: 5) for _ in range(4)]

    assert [[one.receiver for one in parcels] for parcels in looks] == [
        [one] for one in (*sorted(made), min(made))
    ]


def test_a_look_ends_once_it_has_read_enough_and_goes_on_behind(hooks: Hooks) -> None:
    made = sorted(hooks.endpoint().id for _ in range(3))
    several(hooks, 2)
    source = jobs.Deliveries(hooks.house.spanning, hooks.desk.sealer, rows=3)

    looks = [source(hooks.house.clock.now(), lambda _: 5) for _ in range(3)]

    assert [[one.receiver for one in parcels] for parcels in looks] == [
        [made[0]] * 2 + [made[1]] * 2,
        [made[2]] * 2,
        [made[0]] * 2 + [made[1]] * 2,
    ]


class Outbox:
    """Tenants that are behind by so many messages, and what was read of them."""

    def __init__(self, **messages: int) -> None:
        self.messages = messages
        self.read: list[tuple[str, int]] = []

    def fetch(self, bound: Bound) -> list[dict[str, Any]]:
        values = bound.values
        if bound.statement is queries.BEHIND:
            behind = sorted(one for one in self.messages if one > values["after"])
            found = [{"tenant_id": one, "sequence": 0, "ordinal": 0} for one in behind]
            return found[: values["limit"]]
        name = values["tenant_id"]
        places = [{"sequence": one + 1, "ordinal": 0} for one in range(self.messages[name])]
        places = places[: values["limit"]]
        self.read.append((name, len(places)))
        return places


def tenants(dues: Sequence[Due]) -> list[str]:
    return [due.call.tenant_id for due in dues]


def test_one_that_is_far_behind_leaves_the_others_their_steps() -> None:
    outbox = Outbox(a=10_000, b=10_000, z=1)
    timer = jobs.FanOuts(outbox)

    dues = timer(START, 9)

    assert tenants(dues) == ["a"] * 3 + ["b"] * 3 + ["z"]
    assert outbox.read == [("a", 3 * MESSAGES_AT_ONCE), ("b", 3 * MESSAGES_AT_ONCE), ("z", 1)]


def test_tenants_have_their_turn_one_after_the_other() -> None:
    timer = jobs.FanOuts(Outbox(a=1, b=1, c=1))

    looks = [tenants(timer(START, 2)) for _ in range(3)]

    assert looks == [["a", "b"], ["c"], ["a", "b"]]


def test_of_tenants_that_are_left_alone_nothing_is_read() -> None:
    outbox = Outbox(a=10, b=10)
    timer = jobs.FanOuts(outbox, {"webhooks:a"})

    assert tenants(timer(START, 200)) == ["b"]
    assert [name for name, _ in outbox.read] == ["b"]


def test_the_lowest_message_that_a_cursor_has_not_passed(hooks: Hooks) -> None:
    unread = partial(jobs.lowest_unread, hooks.house.spanning)
    hooks.desk.create()
    assert unread() is None
    hooks.endpoint()
    assert unread() is None
    first = hooks.desk.create()
    hooks.endpoint(hooks.desk.another(mode="sandbox"))
    hooks.desk.create()

    [message] = [row for row in hooks.house.rows(MESSAGES) if row["subject_id"] == first.payment.id]
    assert unread() == message["sequence"]
    hooks.fan_out()
    assert unread() is None


def test_what_every_poll_asks_stands_on_indexes(hooks: Hooks) -> None:
    hooks.endpoint()
    now = hooks.house.clock.now()
    reads = (
        queries.BEHIND(after="", limit=1),
        queries.LOWEST_UNREAD(),
        queries.RECEIVERS_DUE(after="", now=now, limit=1),
        queries.DELIVERIES_DUE(tenant_id="t", endpoint_id="e", now=now, limit=1),
        queries.PLACES_AFTER(tenant_id="t", after_sequence=1, after_ordinal=1, limit=1),
        queries.OLDEST(before=now),
    )

    for read in reads:
        how = plan(hooks.house.place, read)
        # The tenants that have endpoints are looked through, and no other table.
        scans = [line for line in how.splitlines() if SCANS.match(line)]
        assert all("webhook_cursors" in line for line in scans), (read.statement.name, how)
        assert not SORTS.search(how), (read.statement.name, how)
