import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.blind_index import keyed_hash, matches

KEY = bytes(range(32))
lists_of_parts = st.lists(st.binary(max_size=12), min_size=1, max_size=4)


@given(lists_of_parts, lists_of_parts)
def test_two_lists_of_parts_share_a_hash_only_when_they_are_equal(
    one: list[bytes], other: list[bytes]
) -> None:
    assert (keyed_hash(KEY, *one) == keyed_hash(KEY, *other)) == (one == other)


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_cut_between_parts_shows_in_the_hash(whole: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(whole)))

    assert keyed_hash(KEY, whole[:cut], whole[cut:]) != keyed_hash(KEY, whole)


def test_another_key_gives_another_hash() -> None:
    assert keyed_hash(KEY, b"text") != keyed_hash(bytes(32), b"text")


def test_it_is_the_hmac_over_lengths_and_parts() -> None:
    message = (2).to_bytes(8, "big") + b"ab" + (1).to_bytes(8, "big") + b"c"

    assert keyed_hash(KEY, b"ab", b"c") == hmac.new(KEY, message, hashlib.sha256).digest()


def test_hashes_match_only_themselves() -> None:
    one = keyed_hash(KEY, b"one")

    assert matches(one, bytes(one))
    assert not matches(one, keyed_hash(KEY, b"other"))
    assert not matches(one, one[:-1])


def test_a_hash_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="one part"):
        keyed_hash(KEY)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        keyed_hash(bytes(length), b"text")
