import datetime as dt

import pytest

from service.rooms.webhooks import contract, jobs
from service.rooms.webhooks.contract import DisableEndpoint, ReplayDeliveries, ReplayDelivery
from tests.service.rooms.webhooks.conftest import Hooks
from tests.support.uow import a_house_call

MINUTE = dt.timedelta(minutes=1)


def told(hooks: Hooks, count: int) -> None:
    """Have payments told, a minute apart, and taken."""
    for _ in range(count):
        [parcel] = hooks.pay()
        hooks.report(parcel)
        hooks.wait(MINUTE)


def test_a_delivery_is_sent_again_under_the_same_id(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    hooks.report(parcel)

    shown = hooks.house.accept(ReplayDelivery(delivery_id=parcel.delivery_id), hooks.call)

    [again] = hooks.parcels()
    assert (shown.state, shown.attempts) == ("pending", 0)
    assert (again.delivery_id, again.attempt, again.body) == (parcel.delivery_id, 1, parcel.body)


def test_a_replay_has_three_days_of_its_own(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    hooks.wait(dt.timedelta(days=4))
    hooks.report(parcel, cause="connect", status=None)
    assert hooks.deliveries()[0]["state"] == "failed"

    hooks.house.accept(ReplayDelivery(delivery_id=parcel.delivery_id), hooks.call)
    [again] = hooks.parcels()
    hooks.report(again, cause="connect", status=None)

    assert hooks.deliveries()[0]["state"] == "pending"


def test_a_delivery_of_another_is_not_there(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    hooks.report(parcel)
    command = ReplayDelivery(delivery_id=parcel.delivery_id)

    for other in (
        hooks.desk.another(mode="sandbox"),
        hooks.desk.another(mode="sandbox", tenant_id=hooks.call.tenant_id),
    ):
        assert hooks.house.refuse(command, other) == "webhook_delivery_not_found"
    assert hooks.deliveries()[0]["state"] == "delivered"


def test_deliveries_of_a_time_are_sent_again_and_no_others(hooks: Hooks) -> None:
    made = hooks.endpoint()
    told(hooks, 4)
    times = sorted(row["created_at"] for row in hooks.deliveries())

    done = hooks.house.accept(
        ReplayDeliveries(endpoint_id=made.id, created_from=times[1], created_to=times[3]),
        hooks.call,
    )

    assert (done.count, done.next_created_from) == (2, None)
    again = {row["created_at"] for row in hooks.deliveries() if row["state"] == "pending"}
    assert again == set(times[1:3])


def test_what_was_skipped_while_disabled_can_be_replayed(hooks: Hooks) -> None:
    made = hooks.endpoint()
    hooks.house.accept(DisableEndpoint(endpoint_id=made.id), hooks.call)
    hooks.pay()
    hooks.house.accept(contract.EnableEndpoint(endpoint_id=made.id), hooks.call)

    done = hooks.house.accept(
        ReplayDeliveries(endpoint_id=made.id, created_from=None, created_to=None), hooks.call
    )

    assert done.count == 1
    assert len(hooks.parcels()) == 1


@pytest.mark.long
def test_a_long_time_is_replayed_in_steps(hooks: Hooks) -> None:
    made = hooks.endpoint()
    count = contract.REPLAYED_AT_ONCE + 5
    for _ in range(count):
        hooks.desk.create()
        hooks.wait(dt.timedelta(milliseconds=1))
    while hooks.fan_out():
        pass

    since, replayed, steps = None, 0, 0
    while True:
        done = hooks.house.accept(
            ReplayDeliveries(endpoint_id=made.id, created_from=since, created_to=None), hooks.call
        )
        replayed, steps, since = replayed + done.count, steps + 1, done.next_created_from
        if since is None:
            break

    assert (replayed, steps) == (count, 2)


def test_a_time_that_ends_before_it_begins_is_refused(hooks: Hooks) -> None:
    made = hooks.endpoint()
    now = hooks.house.clock.now()
    command = ReplayDeliveries(endpoint_id=made.id, created_from=now, created_to=now - MINUTE)

    assert hooks.house.refuse(command, hooks.call) == "webhook_range_invalid"


def test_old_deliveries_are_deleted_with_what_they_told(hooks: Hooks) -> None:
    hooks.endpoint()
    told(hooks, 2)
    trimming = jobs.Trimming(hooks.house.spanning)
    assert trimming(hooks.house.clock.now(), 1) == ()
    hooks.wait(contract.DELIVERY_KEPT - MINUTE - MINUTE / 2)

    [due] = trimming(hooks.house.clock.now(), 1)
    hooks.run(due)

    assert len(hooks.deliveries()) == len(hooks.events()) == 1
    [entry] = hooks.house.entries("webhook.trimmed")
    assert entry["fields"] == {"count": 1}


def test_only_the_house_trims(hooks: Hooks) -> None:
    with pytest.raises(Exception, match="cmd_"):
        hooks.house.run(contract.TrimDeliveries(), hooks.call)
    assert hooks.house.accept(contract.TrimDeliveries(), a_house_call()).count == 0
