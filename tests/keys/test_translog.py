import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.translog import commitment, leaf_hash, node_hash


def test_a_leaf_is_hashed_behind_a_zero_byte() -> None:
    assert leaf_hash(b"entry") == hashlib.sha256(b"\x00entry").digest()


@given(st.binary(max_size=64), st.binary(min_size=32, max_size=32))
def test_leaves_nodes_and_commitments_never_meet(data: bytes, half: bytes) -> None:
    hashes = {
        leaf_hash(half + data),
        commitment(half, data),
        node_hash(half, half),
        leaf_hash(half + half),
        commitment(half, half),
    }

    assert len(hashes) == (3 if data == half else 5)


def test_a_commitment_can_be_checked_with_nothing_but_sha_256() -> None:
    salt = bytes(range(32))

    assert commitment(salt, b"value") == hashlib.sha256(b"\x02" + salt + b"value").digest()


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_salt_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="salt"):
        commitment(bytes(length), b"value")


@pytest.mark.parametrize(("left", "right"), [(31, 32), (32, 33), (0, 64)])
def test_a_child_of_another_length_is_refused(left: int, right: int) -> None:
    with pytest.raises(ValueError, match="child"):
        node_hash(bytes(left), bytes(right))
