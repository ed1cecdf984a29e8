import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.entropy import CountingEntropy
from keys.sealing import BOUND_TO_CHARS_MAX, PLAIN_BYTES_MAX, NotOpened, Sealer

KEY = bytes(range(32))
PLACE = "payers.phone:pyr_1"

plains = st.binary(max_size=300)
places = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)


def sealed(plain: bytes = b"secret", place: str = PLACE, start: int = 0) -> bytes:
    return Sealer(KEY).seal(plain, bound_to=place, entropy=CountingEntropy(start))


@given(plains, places)
def test_what_is_sealed_opens_at_its_place(plain: bytes, place: str) -> None:
    text = sealed(plain, place)

    assert Sealer(KEY).open(text, bound_to=place) == plain


@given(plains, st.data())
def test_any_flipped_bit_is_refused(plain: bytes, data: st.DataObject) -> None:
    text = bytearray(sealed(plain))
    bit = data.draw(st.integers(0, len(text) * 8 - 1))
    text[bit // 8] ^= 1 << bit % 8

    with pytest.raises(NotOpened):
        Sealer(KEY).open(bytes(text), bound_to=PLACE)


@given(places.filter(lambda place: place != PLACE))
def test_another_place_is_refused(place: str) -> None:
    with pytest.raises(NotOpened):
        Sealer(KEY).open(sealed(), bound_to=place)


@given(plains, st.data())
def test_a_shortened_text_is_refused(plain: bytes, data: st.DataObject) -> None:
    text = sealed(plain)
    length = data.draw(st.integers(0, len(text) - 1))

    with pytest.raises(NotOpened):
        Sealer(KEY).open(text[:length], bound_to=PLACE)


@given(st.binary(min_size=32, max_size=32).filter(lambda key: key != KEY))
def test_another_key_is_refused(key: bytes) -> None:
    with pytest.raises(NotOpened):
        Sealer(key).open(sealed(), bound_to=PLACE)


@given(st.binary(max_size=100))
def test_bytes_that_nobody_sealed_are_refused(text: bytes) -> None:
    with pytest.raises(NotOpened):
        Sealer(KEY).open(text, bound_to=PLACE)


def test_one_text_sealed_twice_looks_different() -> None:
    sealer, entropy = Sealer(KEY), CountingEntropy()

    texts = [sealer.seal(b"same", bound_to=PLACE, entropy=entropy) for _ in range(2)]

    assert texts[0] != texts[1]


def test_a_sealed_text_begins_with_its_format() -> None:
    assert sealed(b"")[0] == 1
    assert len(sealed(b"")) == 1 + 24 + 16


def test_a_text_sealed_by_the_first_version_still_opens() -> None:
    golden = bytes.fromhex(
        "01119141dce89807096095d9729b0da80481a492498e235"
        "346196a2eeaf1bbf425a6b2f1da7cc6e40a5426e9cbd475"
    )

    assert Sealer(KEY).open(golden, bound_to=PLACE) == b"secret"


@pytest.mark.parametrize("place", ["", "p" * (BOUND_TO_CHARS_MAX + 1)])
def test_no_place_or_an_endless_one_is_a_mistake(place: str) -> None:
    with pytest.raises(ValueError, match="bound"):
        sealed(place=place)
    with pytest.raises(ValueError, match="bound"):
        Sealer(KEY).open(sealed(), bound_to=place)


def test_a_text_over_the_limit_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="at most"):
        sealed(bytes(PLAIN_BYTES_MAX + 1))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Sealer(bytes(length))


def test_the_key_is_never_shown() -> None:
    assert repr(Sealer(KEY)) == str(Sealer(KEY)) == "Sealer(key not shown)"


def test_a_sealer_never_leaves_the_process() -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(Sealer(KEY))


def test_every_refusal_looks_alike() -> None:
    with pytest.raises(NotOpened) as other_place:
        Sealer(KEY).open(sealed(), bound_to="elsewhere")
    with pytest.raises(NotOpened) as other_format:
        Sealer(KEY).open(b"\x02" + sealed()[1:], bound_to=PLACE)
    with pytest.raises(NotOpened) as no_text:
        Sealer(KEY).open(b"", bound_to=PLACE)

    assert str(other_place.value) == str(other_format.value) == str(no_text.value)


def test_one_sealer_serves_many_threads() -> None:
    sealer = Sealer(KEY)

    def seal_and_open(thread: int) -> bool:
        return all(
            sealer.open(
                sealer.seal(
                    b"%d" % turn, bound_to=PLACE, entropy=CountingEntropy(1_000 * thread + turn)
                ),
                bound_to=PLACE,
            )
            == b"%d" % turn
            for turn in range(500)
        )

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(seal_and_open, range(4)))
