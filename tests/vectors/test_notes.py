"""Signed notes against C2SP's example, Ed25519's edges against CCTV's 914 signatures."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from keys.hazmat import ed25519
from keys.notes import NotANote, Verifier, open_note

# What the strict choice passes over: finding these out costs as much as verifying.
TAKEN = {"low_order_component_A", "low_order_component_R"}


def test_c2sp_signed_note(material: Path) -> None:
    example = json.loads((material / "vectors" / "c2sp-note" / "example.json").read_text())
    note = f"{example['text']}\n{example['signature_line']}\n"
    verifier = Verifier.of(example["vkey"])

    assert open_note(note, [verifier]) == example["text"]
    assert verifier.verifier_key == example["vkey"]
    with pytest.raises(NotANote):
        open_note(note.replace("an example", "another"), [verifier])


def test_cctv_ed25519_by_the_strict_choice(material: Path) -> None:
    path = material / "vectors" / "cctv-ed25519" / "ed25519vectors.json"
    cases = json.loads(path.read_text())
    taken = []
    for case in cases:
        signature = bytes.fromhex(case["sig"])
        if ed25519.verifies(bytes.fromhex(case["key"]), signature, case["msg"].encode()):
            taken.append(case["number"])

    assert len(cases) == 914
    assert taken == [case["number"] for case in cases if set(case["flags"] or ()) <= TAKEN]
    assert len(taken) == 43


def test_cctv_ed25519_through_a_note(material: Path) -> None:
    """No signature gets into a note's verdict by another way than the strict choice."""
    path = material / "vectors" / "cctv-ed25519" / "ed25519vectors.json"
    taken = 0
    for case in json.loads(path.read_text()):
        verifier = Verifier("log", bytes.fromhex(case["key"]))
        signed = base64.b64encode(verifier.key_id + bytes.fromhex(case["sig"])).decode()
        text = f"{case['msg']}\n"
        strict = ed25519.verifies(verifier.public, bytes.fromhex(case["sig"]), text.encode())
        try:
            open_note(f"{text}\n\u2014 log {signed}\n", [verifier])
        except NotANote:
            assert not strict
        else:
            assert strict
            taken += 1
    # The vectors sign texts without the line feed that a note has.
    assert taken == 0


def test_what_the_library_alone_would_take(material: Path) -> None:
    """A library that changes its choice is noticed; ours stands on what it refuses."""
    path = material / "vectors" / "cctv-ed25519" / "ed25519vectors.json"
    taken, residues = 0, 0
    for case in json.loads(path.read_text()):
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"]))
            key.verify(bytes.fromhex(case["sig"]), case["msg"].encode())
        except InvalidSignature:
            continue
        taken += 1
        residues += "low_order_residue" in (case["flags"] or ())
    assert (taken, residues) == (208, 0)
