"""Lists are looked at again when a payment is executed: one that came since stops it."""

import datetime as dt

import msgspec
import pytest

from service.kernel.errors import Faulted, Overloaded
from service.kernel.facts import DeviceKept, Instrument, Payee
from tests.service.rooms.payments.commands.test_create_listed import listed
from tests.support.desk import Desk
from tests.support.uow import START

OF_PAYMENT = {
    "payee": Payee(payee_id="p_77", account="acf_1"),
    "instrument": Instrument(instrument_id="ins_1", bin="621700", issuer_country="CN"),
    "device": DeviceKept(device_id="d_1", ip_keys=("ip_" + "a" * 32,)),
}


@pytest.mark.parametrize(
    ("entity", "value"),
    [
        ("payee", "p_77"),
        ("payee_account", "acf_1"),
        ("payer", "c_17"),
        ("device", "d_1"),
        ("instrument", "ins_1"),
        ("issuer_country", "CN"),
        ("ip", "ip_" + "a" * 32),
    ],
)
def test_a_block_since_the_payment_was_made_stops_it(desk: Desk, entity: str, value: str) -> None:
    token = desk.create(**OF_PAYMENT).token
    listed(desk, "block", entity=entity, value=value)

    reply = desk.execute(token)

    assert (reply.decision, reply.token_state) == ("stop", "voided")
    assert (reply.payment.status, reply.payment.reason_code) == ("declined", "on_block_list")
    assert desk.tokens() == ["voided"]


def test_a_block_on_the_device_that_executes_stops_it(desk: Desk) -> None:
    token = desk.create(**OF_PAYMENT).token
    listed(desk, "block", entity="ip", value="ip_" + "b" * 32)
    moved = DeviceKept(device_id="d_1", ip_keys=("ip_" + "b" * 32,))

    assert desk.execute(token, device=moved).decision == "stop"


@pytest.mark.parametrize(
    ("entity", "value"), [("ip", "ip_" + "a" * 32), ("ip_country", "CN"), ("device", "d_1")]
)
@pytest.mark.parametrize(
    "named",
    [
        DeviceKept(device_id="d_1"),
        DeviceKept(device_id="d_1", ip_keys=("ip_" + "b" * 32,), ip_country="DE"),
    ],
)
def test_a_device_that_is_only_named_is_still_the_device_of_creation(
    desk: Desk, named: DeviceKept, entity: str, value: str
) -> None:
    device = DeviceKept(device_id="d_1", ip_keys=("ip_" + "a" * 32,), ip_country="CN")
    token = desk.create(**OF_PAYMENT | {"device": device}).token
    listed(desk, "block", entity=entity, value=value)

    reply = desk.execute(token, device=named)

    assert (reply.decision, reply.payment.reason_code) == ("stop", "on_block_list")


def test_what_the_device_leaves_out_now_is_judged_as_it_was_told(desk: Desk) -> None:
    device = DeviceKept(
        device_id="d_1", ip_keys=("ip_" + "a" * 32,), platform="ios", call_active=False
    )
    token = desk.create(**OF_PAYMENT | {"device": device}).token
    now = DeviceKept(device_id="d_1", call_active=True)

    desk.execute(token, device=now)

    told = msgspec.json.decode(desk.assessments()[-1]["inputs"])["facts"]
    assert (told["platform"], told["ip_keys"]) == ("ios", ["ip_" + "a" * 32])
    assert told["call_active"] is True


def test_an_entry_found_by_both_devices_is_told_once(desk: Desk) -> None:
    token = desk.create(**OF_PAYMENT).token
    listed(desk, "watch", entity="device", value="d_1")
    moved = DeviceKept(device_id="d_1", ip_keys=("ip_" + "b" * 32,))

    reply = desk.execute(token, device=moved)

    assert reply.decision == "go"
    assert [one.effect for one in reply.judged.rules if one.effect == "watch"] == ["watch"]


def test_a_block_that_is_over_or_may_be_overridden_stops_nothing(desk: Desk) -> None:
    listed(desk, "allow")
    listed(desk, "block", strength="overridable")
    listed(desk, "block", entity="payer", value="c_17", expires_at=START + dt.timedelta(minutes=1))
    token = desk.create().token
    desk.wait(dt.timedelta(minutes=1))

    assert desk.execute(token).decision == "go"


def test_a_block_of_another_merchant_stops_nothing(desk: Desk) -> None:
    token = desk.create().token
    listed(desk, "block", call=desk.another(tenant_id=desk.call.tenant_id))

    assert desk.execute(token).decision == "go"


def test_what_was_told_and_what_is_stored_cannot_differ(desk: Desk) -> None:
    token = desk.create(**OF_PAYMENT).token
    command = desk.execution(token, told=desk.facts(**OF_PAYMENT, channel="another"))

    with pytest.raises(Faulted):
        desk.run(command)

    assert desk.tokens() == ["active"]


def test_what_no_list_was_looked_up_by_is_not_executed_and_may_come_again(desk: Desk) -> None:
    token = desk.create(**OF_PAYMENT).token
    listed(desk, "block", entity="device", value="d_1")
    before = desk.house.dump()

    with pytest.raises(Overloaded):
        desk.run(desk.execution(token, told=None))

    assert desk.house.dump() == before
    assert desk.execute(token).decision == "stop"


def test_what_nobody_sees_is_not_there(desk: Desk) -> None:
    command = desk.execution(desk.create().token, told=None, payment_id="pay_nowhere")

    assert desk.refuse(command) == "payment_not_found"
