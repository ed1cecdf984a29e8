import json
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.cards import card_places, is_card, may_hold_card
from service.http.reader import read

# Numbers that the schemes publish for tests.
CARDS = [
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "30569309025904",
    "3530111333300000",
    "6011111111111117",
    "6200000000000005",
    "6212345678901265",
    "2200000000000004",
    "5019717010103742",
    "8171999927660000",
]
FULL_WIDTH = {ord("0") + digit: 0xFF10 + digit for digit in range(10)}
ARABIC = {ord("0") + digit: 0x0660 + digit for digit in range(10)}


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_every_scheme_is_seen(card: str) -> None:
    assert is_card(card)


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111 - 1111 - 1111 - 1111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111\u20111111\u20131111\u20141111",
        "4111\u00a01111\u30001111\u202f1111",
        "4111111111111111".translate(FULL_WIDTH),
        "4111\u30001111\u30001111\u30001111".translate(FULL_WIDTH),
        "4111111111111111".translate(ARABIC),
        "my card is 4111111111111111, thanks",
        "card4111111111111111x",
        "4111111111111111 12 29 123",
        "2026-11-23 4111 1111 1111 1111",
        ";4111111111111111=29121010000012345678?",
        "4111111111111111D29121010000012345678F",
        "%B4111111111111111^LIN/P^2912101",
    ],
)
def test_a_card_in_disguise_is_seen(text: str) -> None:
    assert is_card(text)
    assert may_hold_card(read(json.dumps(text).encode()))
    assert may_hold_card(read(json.dumps(text, ensure_ascii=False).encode()))


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "411111******1111",
        "621700",
        "41111111111111110000000",
        "1764000000000",
        "2026-11-23T08:12:31.402Z",
        "+86 138 1234 5678",
        "353879234252633",
        "pay_01KAYV0M8QZJ4X7S2N5T9R3W6B",
        "",
    ],
)
def test_what_is_no_card_passes(text: str) -> None:
    assert not is_card(text)


@given(st.uuids())
def test_an_uuid_is_no_card(name: uuid.UUID) -> None:
    assert not is_card(str(name))
    assert not is_card(name.hex)


def test_a_digest_that_holds_a_card_by_chance_is_no_card() -> None:
    assert not is_card("aa11bbcc4111111111111111ddee0011")
    assert is_card("zz11bbcc4111111111111111ddee0011")


def test_places_are_steps_from_the_root() -> None:
    tree = {
        "a": ["x", {"b": "4111111111111111"}],
        "4111111111111111": 1,
        "number": 4111111111111111,
        "flag": True,
    }

    assert set(card_places(tree)) == {(), ("a", 1, "b"), ("number",)}


def test_the_value_of_an_amount_is_no_card() -> None:
    assert not list(card_places({"value": 4111111111111111, "currency": "IRR"}))
    assert list(card_places({"value": 4111111111111111, "currency": "IRR", "more": 1}))
    assert list(card_places({"value": 1, "currency": "4111111111111111"}))


@given(
    st.sampled_from(CARDS),
    st.text(alphabet='ab "\\/\n漢', max_size=4),
    st.sampled_from(["{0}", '{{"a": [{0}]}}', '[["x", {0}], 1]']),
    st.booleans(),
)
def test_the_quick_look_never_misses_what_the_close_look_finds(
    card: str, around: str, shape: str, ascii_only: bool
) -> None:
    text = json.dumps(around + card + around, ensure_ascii=ascii_only)
    document = read(shape.format(text).encode())

    assert list(card_places(document.tree))
    assert may_hold_card(document)
