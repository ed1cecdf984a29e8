"""Every schema that a state was ever packed in is carried to this one."""

import msgspec
import pytest

from risk.entity_state import EntityState
from risk.packed_state import SCHEMA, UPCASTERS, Packed, upcast


def test_a_state_of_before_labels_has_none() -> None:
    now = msgspec.msgpack.decode(EntityState().pack())
    before = [2, *now[1:-1]]

    assert upcast(before, to=SCHEMA, upcasters=UPCASTERS) == now
    assert EntityState.unpack(msgspec.msgpack.encode(before)).pack() == EntityState().pack()


def test_each_schema_before_this_one_has_its_step() -> None:
    assert sorted(UPCASTERS) == list(range(1, SCHEMA))
    assert len(Packed.__struct_fields__) == len(msgspec.msgpack.decode(EntityState().pack()))


def test_a_later_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="schema"):
        EntityState.unpack(msgspec.msgpack.encode([SCHEMA + 1]))
