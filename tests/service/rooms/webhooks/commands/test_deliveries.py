import datetime as dt
import json

import msgspec
import pytest

from service.rooms.webhooks import jobs
from service.rooms.webhooks.contract import (
    DisableEndpoint,
    EnableEndpoint,
    FanOut,
    Place,
    UpdateEndpoint,
)
from service.unit_of_work.commands import HOUSE
from service.unit_of_work.tables import MESSAGES
from tests.service.rooms.webhooks.conftest import Hooks, outcome
from tests.support.uow import a_call

HOUR = dt.timedelta(hours=1)
DAYS_3 = dt.timedelta(days=3)


def test_a_status_becomes_one_event_and_a_delivery_for_each_endpoint(hooks: Hooks) -> None:
    endpoints = {hooks.endpoint().id for _ in range(3)}
    paid = hooks.desk.create()

    hooks.fan_out()

    [event] = hooks.events()
    body = json.loads(event["body"])
    assert body["subject"] == body["data"]["payment_id"] == paid.payment.id
    assert body["data"]["status"] == paid.payment.status
    assert body["id"] == event["event_id"]
    assert {row["endpoint_id"] for row in hooks.deliveries()} == endpoints
    assert {row["event_id"] for row in hooks.deliveries()} == {event["event_id"]}
    assert len({parcel.body for parcel in hooks.parcels()}) == 1


def test_a_tenant_without_endpoints_costs_nothing(hooks: Hooks) -> None:
    hooks.desk.create()

    assert hooks.fan_out() == 0
    assert hooks.cursors() == hooks.events() == []


def test_an_endpoint_is_not_told_what_happened_before_it(hooks: Hooks) -> None:
    hooks.desk.create()
    hooks.endpoint()

    assert hooks.fan_out() == 0
    assert len(hooks.pay()) == 1


def test_a_later_endpoint_is_not_told_what_happened_before_it_while_the_fan_out_is_behind(
    hooks: Hooks,
) -> None:
    first = hooks.endpoint()
    hooks.desk.create()
    hooks.wait(dt.timedelta(seconds=1))
    second = hooks.endpoint()

    hooks.fan_out()

    assert [row["endpoint_id"] for row in hooks.deliveries()] == [first.id]
    assert {parcel.receiver for parcel in hooks.pay()} == {first.id, second.id}


def test_others_and_the_other_mode_are_told_nothing(hooks: Hooks) -> None:
    call = hooks.call
    neighbour = hooks.desk.another(mode="sandbox", tenant_id=call.tenant_id)
    live = a_call(tenant_id=call.tenant_id, merchant_id=call.merchant_id, mode="live")
    for other in (neighbour, live, hooks.desk.another(mode="sandbox")):
        hooks.endpoint(other)
    hooks.desk.create()

    hooks.fan_out()

    assert hooks.deliveries() == []
    assert hooks.events() == []


def test_a_cursor_that_moved_is_not_moved_again(hooks: Hooks) -> None:
    hooks.endpoint()
    hooks.desk.create()
    [due] = jobs.FanOuts(hooks.house.spanning)(hooks.house.clock.now(), 200)

    first, second = hooks.run(due), hooks.run(due)

    assert first.kind == "accepted"
    assert second.problem is not None
    assert second.problem.code == "webhook_cursor_elsewhere"
    assert len(hooks.events()) == 1


def test_many_messages_go_in_commands_that_follow_each_other(hooks: Hooks) -> None:
    hooks.endpoint()
    for _ in range(120):
        hooks.desk.create()

    assert hooks.fan_out() == 3
    assert len(hooks.events()) == len(hooks.deliveries()) == 120
    assert hooks.fan_out() == 0
    last = max(row["sequence"] for row in hooks.house.rows(MESSAGES))
    assert [row["sequence"] for row in hooks.cursors()] == [last]


def test_a_command_that_claims_too_much_is_refused(hooks: Hooks) -> None:
    hooks.endpoint()
    for _ in range(60):
        hooks.desk.create()
    [cursor] = hooks.cursors()
    after = Place(sequence=cursor["sequence"], ordinal=cursor["ordinal"])
    call = a_call(tenant_id=hooks.call.tenant_id, merchant_id=HOUSE)

    code = hooks.house.refuse(FanOut(after=after, until=Place(sequence=10**6, ordinal=0)), call)

    assert code == "webhook_cursor_elsewhere"


def test_an_endpoint_gets_the_kinds_it_named(hooks: Hooks) -> None:
    made = hooks.endpoint(kinds=("payguard.payment.moved",))
    assert len(hooks.pay()) == 1

    hooks.house.accept(UpdateEndpoint(endpoint_id=made.id, kinds=()), hooks.call)

    hooks.desk.create()
    hooks.fan_out()
    assert len(hooks.deliveries()) == 2


def test_a_disabled_endpoint_gets_rows_that_are_skipped(hooks: Hooks) -> None:
    made = hooks.endpoint()
    hooks.house.accept(DisableEndpoint(endpoint_id=made.id), hooks.call)

    assert hooks.pay() == []

    [row] = hooks.deliveries()
    assert (row["state"], row["attempts"]) == ("skipped", 0)


def test_a_delivery_that_was_taken_ends_and_ends_once(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()

    first, second = hooks.report(parcel), hooks.report(parcel)

    [row] = hooks.deliveries()
    assert (row["state"], row["attempts"], row["last_status"]) == ("delivered", 1, 200)
    assert first.kind == "accepted"
    assert second.problem is not None
    assert second.problem.code == "webhook_delivery_not_waiting"
    assert hooks.parcels() == []


def test_what_one_receiver_took_is_reported_at_once(hooks: Hooks) -> None:
    hooks.endpoint()
    for _ in range(3):
        hooks.desk.create()
    hooks.fan_out()

    [due] = jobs.settle([outcome(one) for one in hooks.parcels()])
    hooks.run(due)

    assert {row["state"] for row in hooks.deliveries()} == {"delivered"}
    [entry] = hooks.house.entries("webhook.delivered")
    assert len(entry["fields"]["deliveries"]) == 3


def test_a_failed_attempt_is_tried_again_with_the_same_bytes(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()

    hooks.report(parcel, cause="status", status=503)

    assert hooks.parcels() == []
    hooks.wait(dt.timedelta(seconds=6))
    [again] = hooks.parcels()
    assert (again.delivery_id, again.attempt) == (parcel.delivery_id, 2)
    assert again.body == parcel.body
    assert again.sign(1)["webhook-id"] == parcel.sign(1)["webhook-id"]
    [row] = hooks.deliveries()
    assert (row["state"], row["last_status"], row["last_cause"]) == ("pending", 503, "status")


def test_a_report_of_an_attempt_that_was_reported_changes_nothing(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    hooks.report(parcel, cause="timeout", status=None)
    before = hooks.deliveries()

    for given in ({"cause": "timeout", "status": None}, {}):
        reply = hooks.report(parcel, **given)
        assert reply.problem is not None
        assert reply.problem.code == "webhook_delivery_not_waiting"

    assert hooks.deliveries() == before


def test_a_receiver_that_asks_for_time_gets_it(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()

    hooks.report(parcel, cause="status", status=429, retry_after_s=3_600)

    [row] = hooks.deliveries()
    assert row["next_attempt_at"] == hooks.house.clock.now() + HOUR


def test_a_receiver_that_is_gone_is_disabled(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()

    hooks.report(parcel, cause="gone", status=410)

    [row], [endpoint] = hooks.deliveries(), hooks.endpoints()
    assert row["state"] == "failed"
    assert (endpoint["state"], endpoint["disabled_because"]) == ("disabled", "gone")
    assert hooks.house.kinds()[-2:] == ["webhook.failed", "webhook_endpoint.disabled"]


def test_after_three_days_a_delivery_is_given_up_and_its_endpoint_flagged(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    attempts = 0
    while hooks.deliveries()[0]["state"] == "pending":
        [parcel] = hooks.parcels()
        attempts += 1
        hooks.report(parcel, cause="connect", status=None)
        at = hooks.deliveries()[0]["next_attempt_at"]
        if at is not None:
            hooks.wait(at - hooks.house.clock.now())

    [row], [endpoint] = hooks.deliveries(), hooks.endpoints()
    assert row["state"] == "failed"
    assert row["ended_at"] - row["started_at"] == DAYS_3
    assert (endpoint["state"], endpoint["failing_since"]) == ("enabled", row["ended_at"])
    assert 13 <= attempts <= 18
    assert hooks.house.kinds()[-2:] == ["webhook.failed", "webhook_endpoint.flagged"]
    assert len(hooks.house.entries("webhook.attempt_failed")) == attempts - 1


def test_an_endpoint_that_takes_one_again_is_flagged_no_more(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    hooks.wait(DAYS_3)
    hooks.report(parcel, cause="tls", status=None)
    assert hooks.endpoints()[0]["failing_since"] is not None

    [parcel] = hooks.pay()
    hooks.report(parcel)

    assert hooks.endpoints()[0]["failing_since"] is None


def test_what_waits_at_a_disabled_endpoint_goes_out_once_it_is_enabled(hooks: Hooks) -> None:
    made = hooks.endpoint()
    hooks.pay()
    hooks.house.accept(DisableEndpoint(endpoint_id=made.id), hooks.call)
    assert hooks.parcels() == []

    hooks.house.accept(EnableEndpoint(endpoint_id=made.id), hooks.call)

    assert len(hooks.parcels()) == 1


@pytest.mark.parametrize("cause", ["ok", "status"])
def test_another_merchant_reports_nothing(hooks: Hooks, cause: str) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    [due] = jobs.settle([outcome(parcel, cause)])  # type: ignore[arg-type]  # one of the words
    other = hooks.desk.another(mode="sandbox")
    stolen = msgspec.structs.replace(
        due.call, tenant_id=other.tenant_id, merchant_id=other.merchant_id
    )

    assert hooks.house.refuse(due.command, stolen) == "webhook_delivery_not_waiting"
    assert hooks.deliveries()[0]["state"] == "pending"
