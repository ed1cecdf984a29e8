import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.entropy import DRAW_BYTES_MAX, CountingEntropy, derived, system


def test_the_system_gives_the_bytes_asked_for_and_never_the_same() -> None:
    assert len(system(32)) == 32
    assert system(32) != system(32)


def test_one_seed_gives_one_stream() -> None:
    one, other = derived(b"s" * 32), derived(b"s" * 32)

    assert [one(10), one(16), one(100)] == [other(10), other(16), other(100)]


def test_two_seeds_give_two_streams() -> None:
    assert derived(b"a" * 32)(32) != derived(b"b" * 32)(32)


@given(st.lists(st.integers(16, 200), min_size=2, max_size=20))
def test_draws_of_one_stream_differ(sizes: list[int]) -> None:
    draw = derived(b"s" * 32)

    prefixes = [draw(size)[:16] for size in sizes]

    assert len(set(prefixes)) == len(sizes)


@given(st.integers(1, 500))
def test_a_draw_has_the_length_asked_for(n: int) -> None:
    assert len(derived(b"s" * 32)(n)) == n
    assert len(CountingEntropy()(n)) == n


def test_the_length_of_one_draw_does_not_move_the_next() -> None:
    one, other = derived(b"s" * 32), derived(b"s" * 32)
    one(1)
    other(1_000)

    assert one(32) == other(32)


def test_a_derived_stream_is_what_it_was_when_released() -> None:
    draw = derived(bytes(range(32)))

    assert draw(16).hex() == "61157ef85a2863e0a179a3950a83345e"


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seed_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derived(bytes(length))


@pytest.mark.parametrize("draw", [system, derived(bytes(32)), CountingEntropy()])
@pytest.mark.parametrize("n", [-1, 0, DRAW_BYTES_MAX + 1])
def test_a_draw_out_of_range_is_refused(draw, n: int) -> None:
    with pytest.raises(ValueError, match="draw"):
        draw(n)


def test_the_fake_repeats_itself_from_the_same_start() -> None:
    one, other = CountingEntropy(5), CountingEntropy(5)

    assert [one(8), one(8)] == [other(8), other(8)]
    assert CountingEntropy(5)(8) != CountingEntropy(6)(8)
