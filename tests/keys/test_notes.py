import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.notes import (
    Checkpoint,
    NotANote,
    Signer,
    Verifier,
    open_checkpoint,
    open_note,
    sign_checkpoint,
    sign_note,
)

ORIGIN = "log.example/main"
SIGNER = Signer(ORIGIN, bytes(range(32)))
OTHER = Signer("witness.example", bytes(32))
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))
NOTE = sign_checkpoint(CHECKPOINT, SIGNER)

texts = st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n"), min_size=1)


@given(texts.filter(lambda text: text.strip("\n")))
def test_a_signed_text_opens_as_it_was(text: str) -> None:
    assert open_note(sign_note(text + "\n", SIGNER), [SIGNER.verifier]) == text + "\n"


@given(st.text(min_size=1, max_size=20), st.integers(0, 400))
def test_a_changed_note_never_opens(change: str, at: int) -> None:
    at = min(at, len(NOTE) - 1)
    changed = NOTE[:at] + change + NOTE[at + len(change) :]
    if changed == NOTE:
        return
    with pytest.raises(NotANote):
        open_checkpoint(changed, [SIGNER.verifier], ORIGIN)


def test_a_verifier_key_is_read_as_it_was_written() -> None:
    assert Verifier.of(SIGNER.verifier_key) == SIGNER.verifier


@pytest.mark.parametrize(
    "key",
    [
        "",
        "name",
        "name+00000000",
        SIGNER.verifier_key[:-4],
        SIGNER.verifier_key + "=",
        SIGNER.verifier_key.replace("log", "lag"),
        SIGNER.verifier_key.replace("+", " + "),
        "n+00000000+" + base64.b64encode(b"\x06" + bytes(32)).decode(),
        "n+00000000+" + base64.b64encode(b"\x01" + bytes(31)).decode(),
    ],
)
def test_what_is_no_verifier_key_is_refused(key: str) -> None:
    with pytest.raises(NotANote):
        Verifier.of(key)


def test_signatures_of_other_keys_are_passed_over() -> None:
    both = NOTE + OTHER.line(CHECKPOINT.text())

    for verifiers in ([SIGNER.verifier], [SIGNER.verifier, OTHER.verifier]):
        assert open_checkpoint(both, verifiers, ORIGIN) == CHECKPOINT
    with pytest.raises(NotANote, match="no known key"):
        open_note(NOTE, [OTHER.verifier])
    with pytest.raises(NotANote, match="no known key"):
        open_note(NOTE, [])


def test_a_witness_alone_does_not_vouch_for_the_log() -> None:
    witnessed = sign_note(CHECKPOINT.text(), OTHER)
    with pytest.raises(NotANote, match="no known key"):
        open_checkpoint(witnessed, [SIGNER.verifier, OTHER.verifier], ORIGIN)


def test_a_false_signature_of_a_known_key_refuses_the_whole_note() -> None:
    false = SIGNER.line("another text\n")
    with pytest.raises(NotANote, match="does not verify"):
        open_note(NOTE + false, [SIGNER.verifier])
    short = base64.b64encode(SIGNER.verifier.key_id + bytes(63)).decode()
    with pytest.raises(NotANote, match="does not verify"):
        open_note(f"{NOTE}\u2014 {ORIGIN} {short}\n", [SIGNER.verifier])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "- name AAAAAAAA\n",
        NOTE + "\u2014 na+me AAAAAAAA\n",
        NOTE + "\u2014 name AAAA\n",
        NOTE + "\u2014 name AAAAAAB=\n",
        NOTE + "\u2014 name A\n",
        NOTE * 2,
        NOTE + OTHER.line("x") * 16,
        "x" * 70_000 + NOTE,
    ],
)
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(NotANote):
        open_checkpoint(note, [SIGNER.verifier], ORIGIN)


@pytest.mark.parametrize("text", ["", "\n", "no line feed", "a\tb\n", "a\rb\n", "\ud800\n"])
def test_what_is_no_text_is_not_signed(text: str) -> None:
    with pytest.raises(NotANote):
        sign_note(text, SIGNER)


def test_a_checkpoint_is_signed_by_its_own_log_only() -> None:
    with pytest.raises(NotANote, match="origin"):
        sign_checkpoint(CHECKPOINT, OTHER)
    of_other = sign_checkpoint(Checkpoint("witness.example", 7, bytes(32)), OTHER)
    with pytest.raises(NotANote):
        open_checkpoint(of_other, [SIGNER.verifier, OTHER.verifier], ORIGIN)
    misnamed = sign_note(Checkpoint("else", 7, bytes(32)).text(), SIGNER)
    with pytest.raises(NotANote, match="another log"):
        open_checkpoint(misnamed, [SIGNER.verifier], ORIGIN)


def test_a_checkpoint_has_the_form_that_c2sp_gives() -> None:
    root = base64.b64encode(bytes(range(32))).decode()
    assert CHECKPOINT.text() == f"{ORIGIN}\n7\n{root}\n"
    assert Checkpoint.of(CHECKPOINT.text()) == CHECKPOINT


@pytest.mark.parametrize("size", ["07", "+7", "-1", "7 ", "", "9223372036854775808", "\u0667"])
def test_a_size_has_one_spelling(size: str) -> None:
    root = base64.b64encode(bytes(32)).decode()
    with pytest.raises(NotANote):
        Checkpoint.of(f"{ORIGIN}\n{size}\n{root}\n")


@pytest.mark.parametrize(
    "text",
    [
        "a\n1\n",
        "a\n1\nAAAA\n",
        f"\n1\n{'A' * 43}=\n",
        f"a\n1\n{'A' * 43}=\nextension\n",
        f"a\n1\n{'A' * 42}B=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NotANote):
        Checkpoint.of(text)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb", "a" * 256])
def test_a_name_of_a_key_has_no_white_space_and_no_plus(name: str) -> None:
    with pytest.raises(NotANote):
        Signer(name, bytes(32))
