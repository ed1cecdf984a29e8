import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.api_keys import ApiKeyRefused, ApiKeyText, new_api_key
from keys.entropy import CountingEntropy

INDEX_KEY = bytes(range(32))


@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_a_new_key_names_its_mode_and_reads_back(mode: str) -> None:
    text = new_api_key(mode, CountingEntropy()).reveal()

    assert text.startswith(f"pgk_{mode}_")
    assert ApiKeyText(text).mode == mode


@given(st.integers(0, 2**32))
def test_every_new_key_is_read_as_one_spelling(start: int) -> None:
    text = new_api_key("live", CountingEntropy(start)).reveal()

    assert len(text) == len("pgk_live_") + 52
    assert ApiKeyText(text).reveal() == text


def test_two_new_keys_differ() -> None:
    entropy = CountingEntropy()

    assert new_api_key("live", entropy).reveal() != new_api_key("live", entropy).reveal()


GOOD = "pgk_live_" + "b" * 51 + "a"


@pytest.mark.parametrize(
    "text",
    [
        GOOD.upper(),
        GOOD + "\n",
        " " + GOOD,
        GOOD[:-1],
        GOOD + "a",
        GOOD[:-1] + "b",
        GOOD.replace("live", "test"),
        GOOD.replace("pgk", "sk"),
        GOOD[:-2] + "\uff42" + GOOD[-1],
        GOOD[:-2] + "\ud800" + GOOD[-1],
        GOOD[:-2] + "1" + GOOD[-1],
        "",
    ],
)
def test_any_other_spelling_is_refused_without_being_shown(text: str) -> None:
    assert ApiKeyText(GOOD).reveal() == GOOD
    with pytest.raises(ApiKeyRefused) as refused:
        ApiKeyText(text)

    assert "bbbb" not in str(refused.value).lower()


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ApiKeyRefused):
        ApiKeyText(text)


def test_an_unknown_mode_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="mode"):
        new_api_key("test", CountingEntropy())


def test_a_key_is_never_shown_unless_asked() -> None:
    key = new_api_key("live", CountingEntropy())

    assert repr(key) == str(key) == f"{key}" == "ApiKeyText(live, not shown)"


def test_a_key_never_leaves_the_process_by_pickle() -> None:
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(new_api_key("live", CountingEntropy()))


def test_the_index_depends_on_the_text_and_on_the_index_key() -> None:
    entropy = CountingEntropy()
    one, other = new_api_key("live", entropy), new_api_key("live", entropy)

    assert one.index(INDEX_KEY) == ApiKeyText(one.reveal()).index(INDEX_KEY)
    assert one.index(INDEX_KEY) != other.index(INDEX_KEY)
    assert one.index(INDEX_KEY) != one.index(bytes(32))
