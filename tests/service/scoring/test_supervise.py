"""The check of a model in a child: what is sound is named, and no file ends this process."""

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from keys.notes import Signer, sign_note
from risk.feature import load_features
from risk.models.manifest import text_to_sign
from service.scoring.asked import NotLoaded, Question
from service.scoring.supervise import check
from tests.support.models import file_of, grow

BY = Signer("payguard-model", bytes(range(32)))
DAMAGED = 12


@pytest.fixture(scope="module")
def content() -> bytes:
    return file_of(load_features(), 6, scam=grow(6, 20, 4))


def why(asked: Question, **given: float) -> str:
    with pytest.raises(NotLoaded) as refused:
        check(asked, **given)
    return refused.value.why


def test_a_sound_model_is_named_and_its_signature_verified(content: bytes) -> None:
    model_id = check(Question(file=content)).model
    note = sign_note(text_to_sign(model_id), BY)

    signed = Question(file=content, note=note, verifier_key=BY.verifier_key)
    assert check(signed).model == model_id


@pytest.mark.long
def test_what_nobody_or_somebody_else_signed_is_refused(content: bytes) -> None:
    model_id = check(Question(file=content)).model
    other = Signer("payguard-model", bytes(32))
    for note in (None, "nonsense", sign_note(text_to_sign(model_id), other)):
        asked = Question(file=content, note=note, verifier_key=BY.verifier_key)
        assert why(asked) == "model_unsigned"
    foreign = sign_note(text_to_sign(f"sha256:{'0' * 64}"), BY)
    asked = Question(file=content, note=foreign, verifier_key=BY.verifier_key)
    assert why(asked) == "model_unsigned"


@pytest.mark.long
def test_damaged_files_are_refused(content: bytes) -> None:
    seeded = np.random.default_rng(6)
    for _ in range(DAMAGED):
        damaged = bytearray(content)
        damaged[seeded.integers(len(damaged))] ^= 1 << int(seeded.integers(8))
        assert why(Question(file=bytes(damaged))) == "model_refused"
    assert why(Question(file=b"")) == "model_refused"


def test_a_check_that_takes_too_long_is_ended(content: bytes) -> None:
    assert why(Question(file=content), timeout_s=0.05) == "check_late"


def test_a_child_that_is_killed_is_told_and_not_waited_for(content: bytes) -> None:
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(why(Question(file=content))))
    asking.start()
    while not (children := _children()):
        time.sleep(0.005)
    os.kill(children[0], signal.SIGKILL)
    asking.join()

    assert found == ["check_ended"]


def test_the_child_is_given_nothing_of_ours(
    content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYGUARD_DATABASE_URL", "postgresql://canary@secret/payguard")
    found: list[str] = []
    asking = threading.Thread(target=lambda: found.append(check(Question(file=content)).model))
    asking.start()
    while not (children := _children()):
        time.sleep(0.005)
    said = Path(f"/proc/{children[0]}/environ").read_text()
    asking.join()

    assert "canary" not in said
    assert found[0].startswith("sha256:")


def _children() -> list[int]:
    """Return the processes of a check that this process has, once they are what they will be."""
    tasks = Path(f"/proc/{os.getpid()}/task").iterdir()
    children = [pid for task in tasks for pid in (task / "children").read_text().split()]
    return [
        int(pid)
        for pid in children
        if "service.scoring.child" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
