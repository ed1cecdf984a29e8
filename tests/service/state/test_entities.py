"""Observations in stored events: every form that was ever written is read."""

import datetime as dt

import msgspec
import pytest

from service.state.entities import (
    FORM_PLAIN,
    FORM_TOLD,
    FORM_TOLD_FRAUDS,
    Observation,
    Told,
    pack,
    unpack,
)

NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)


def one(kind: str, key: str, *, declined: bool | None = None, minor: int = 5) -> Observation:
    others = {"payer": "c_17", "device": "d_5"}
    return Observation(
        kind=kind,
        key=key,
        at=NOON,
        amount_minor=minor,
        currency="CNY",
        is_declined=declined,
        others=others,
    )


def partial(*seen: Observation) -> tuple[Observation, ...]:
    return tuple(msgspec.structs.replace(each, is_partial=True) for each in seen)


def test_what_is_packed_is_unpacked() -> None:
    seen = (one("payer", "c_17", declined=True), one("device", "d_5", declined=True))

    assert unpack(pack(seen)) == seen


def test_facts_of_one_event_are_kept_apart() -> None:
    seen = (one("payer", "c_17"), one("payer", "c_18", minor=6))

    found = unpack(pack(seen))

    assert [(each.key, each.amount_minor, each.others) for each in found] == [
        ("c_17", 5, {"payer": "c_17"}),
        ("c_18", 6, {"payer": "c_18"}),
    ]


def test_nothing_is_none() -> None:
    assert pack(()) is None
    assert unpack(None) == ()


def test_what_neighbours_share_is_written_once() -> None:
    alone, both = pack((one("payer", "c_17"),)), pack((one("payer", "c_17"), one("bin", "411111")))

    assert alone is not None
    assert both is not None
    assert len(both) - len(alone) == len("bin") + len("411111") + 2


def test_the_first_form_is_read() -> None:
    rows = [("payer", "c_17", NOON, 5, "CNY"), ("device", "d_5", NOON, 5, "CNY")]

    found = unpack(msgspec.msgpack.encode(rows))

    assert found == partial(one("payer", "c_17"), one("device", "d_5"))


def test_the_form_of_before_usual_amounts_is_read() -> None:
    fact = (NOON, 5, "CNY", True, ["payer", "c_17", "device", "d_5"])

    found = unpack(msgspec.msgpack.encode([FORM_PLAIN, [fact]]))

    assert found == partial(
        one("payer", "c_17", declined=True), one("device", "d_5", declined=True)
    )


def test_how_usual_an_amount_was_is_packed_and_unpacked() -> None:
    seen = (
        msgspec.structs.replace(one("payer", "c_17"), ratio_milli=2_600, others={"payer": "c_17"}),
    )

    assert unpack(pack(seen)) == seen


def test_a_later_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form 6"):
        unpack(msgspec.msgpack.encode([FORM_TOLD + 1, []]))


def test_what_labels_say_is_packed_and_unpacked() -> None:
    told = Told(payment_id="pay_1", said=((5, True), (7, False)), was_normal=True)
    seen = tuple(
        Observation(kind=kind, key=key, at=NOON, amount_minor=0, currency="", told=told)
        for kind, key in (("payee", "p_1"), ("device", "d_1"))
    )

    assert unpack(pack(seen)) == seen


def test_tellings_of_before_normal_labels_were_told_are_partial() -> None:
    telling = (NOON, "pay_1", True, [(5, True)], ["payee", "p_1"])

    [before] = unpack(msgspec.msgpack.encode([FORM_TOLD_FRAUDS, telling]))
    [now] = unpack(msgspec.msgpack.encode([FORM_TOLD, telling]))

    assert (before.is_partial, now.is_partial) == (True, False)
    assert before == msgspec.structs.replace(now, is_partial=True)
