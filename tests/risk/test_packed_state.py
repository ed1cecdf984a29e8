"""Every schema that a state was ever packed in is carried to this one."""

import datetime as dt

import msgspec
import pytest

from risk.entity_state import EntityState
from risk.known import value
from risk.packed_state import SCHEMA, UPCASTERS, Packed, upcast
from risk.plan import Want, make_plan

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
NOON_S = int(NOON.timestamp())
OF_VERSION_3 = make_plan(
    [
        Want(0, "count", 86_400, None),
        Want(1, "fraud_count", 86_400, None),
        Want(2, "mean", 0, None),
    ]
)


def test_a_state_of_before_labels_has_none() -> None:
    now = msgspec.msgpack.decode(EntityState().pack())
    before = [2, *now[1:6]]

    assert upcast(before, to=SCHEMA, upcasters=UPCASTERS) == now
    assert EntityState.unpack(msgspec.msgpack.encode(before)).pack() == EntityState().pack()


# A payee of version 3: one payment, and one label that said fraud and one that said normal.
VERSION_3 = bytes.fromhex(
    "9703c291a3434e599198c091ce00079c44910180809090809081a3434e599301cb40c35600000000"
    "00cb0000000000000000929097cf74f992187603d990ce6b057c4001ce6b057c4501ce6b057c4700"
)


def test_a_state_of_version_3_keeps_its_frauds() -> None:
    state = EntityState.unpack(VERSION_3, OF_VERSION_3)
    known = state.frauds.known(NOON_S + 9)

    assert (state.count(NOON, 86_400), state.usuals, state.last_uses) == (1, {}, {})
    assert value(state.frauds.known(NOON_S + 6), "last_label", NOON_S + 6) == 1
    assert value(known, "last_label", NOON_S + 9) == 0
    assert EntityState.unpack(state.pack(), OF_VERSION_3).pack() == state.pack()


def test_each_schema_before_this_one_has_its_step() -> None:
    assert sorted(UPCASTERS) == list(range(1, SCHEMA))
    assert len(Packed.__struct_fields__) == len(msgspec.msgpack.decode(EntityState().pack()))


def test_a_later_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema"):
        EntityState.unpack(msgspec.msgpack.encode([SCHEMA + 1]))
