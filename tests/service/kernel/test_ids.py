import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernel.ids import ALPHABET, new_id

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@given(st.integers(0, 2**47), st.binary(min_size=10, max_size=10))
def test_an_id_is_the_ulid_of_its_time_and_bytes(milliseconds: int, drawn: bytes) -> None:
    now = EPOCH + dt.timedelta(milliseconds=milliseconds)

    prefix, _, text = new_id("pay", now=now, entropy=lambda _: drawn).partition("_")

    number = 0
    for character in text:
        number = number * 32 + ALPHABET.index(character)
    assert (prefix, len(text)) == ("pay", 26)
    assert number == (milliseconds << 80) | int.from_bytes(drawn, "big")


@given(st.integers(0, 2**47), st.integers(1, 2**40))
def test_ids_sort_by_their_time(milliseconds: int, later: int) -> None:
    first, second = (
        new_id("pay", now=EPOCH + dt.timedelta(milliseconds=one), entropy=lambda n: b"\xff" * n)
        for one in (milliseconds, milliseconds + later)
    )

    assert first < second


@pytest.mark.parametrize("now", [dt.datetime(2026, 1, 1), dt.datetime(1969, 1, 1, tzinfo=dt.UTC)])  # noqa: DTZ001  naive on purpose
def test_an_id_needs_an_aware_instant_after_1970(now: dt.datetime) -> None:
    with pytest.raises(ValueError, match="an id needs"):
        new_id("pay", now=now, entropy=bytes)
