"""The stand-alone verifier, against exports made by the tree and the notes that it shares nothing
with: sound ones verify, each kind of change is found and placed."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys.hazmat import ed25519
from keys.notes import Checkpoint, Signer, sign_checkpoint
from keys.translog import Frontier, leaf_hash
from service.cli import verify_log
from service.cli.verify_log import Verdict, verify
from service.unit_of_work.entries import encode

ORIGIN = "payguard.example/log/main"
SIGNER = Signer(ORIGIN, bytes(range(32)))
STEP = 10


def body_of(position: int, number: int, merchant: str, **more: Any) -> str:
    entry = {
        "schema": "payguard.entry/1",
        "log": "main",
        "index": position,
        "tenant": "tn_1",
        "merchant": merchant,
        "number": number,
        "mode": "live",
        "sequence": position + 1,
        "batch": position // 3,
        "at": "2026-11-25T08:00:00.000000Z",
        "principal": "key_1",
        "kind": "payment.created",
        "outcome": "success",
        "origin": "192.0.2.1",
        "subject": f"pay_{position}",
        "payment": f"pay_{position}",
        "strategy": "default/1",
        "request": f"req_{position}",
        "keys": 1,
        "fields": {"amount_minor": position, "name": "é"},
        **more,
    }
    return encode(entry).decode()


class Export:
    """An export as rows, and what an auditor may have kept."""

    def __init__(self, size: int, *, first: int = 0, step: int = STEP, told: Any = None) -> None:
        frontier = Frontier.empty()
        numbers = {"mer_1": 0, "mer_2": 0}
        self.notes: dict[int, str] = {}
        self.entries: list[dict[str, Any]] = []
        left: list[str] = []
        for position in range(size):
            if position == first:
                left = [one.hex() for one in frontier.hashes]
            merchant = "mer_2" if position % 3 == 2 else "mer_1"
            numbers[merchant] += 1
            number, more = numbers[merchant], {}
            if first and position + 1 == size:
                more = {"kind": "partitions.dropped", "fields": told or telling(first)}
            row = entry(position, number, body_of(position, number, merchant, **more))
            frontier.append(bytes.fromhex(row["leaf"]))
            self.entries.append(row)
            if (position + 1) % step == 0 or position + 1 == size:
                checkpoint = Checkpoint(ORIGIN, position + 1, frontier.root())
                self.notes[position + 1] = sign_checkpoint(checkpoint, SIGNER)
        self.entries = self.entries[first:]
        self.header = {
            "type": "header",
            "format": verify_log.FORMAT,
            "scope": "log",
            "log": "main",
            "origin": ORIGIN,
            "first": first,
            "left": left,
            "size": size,
        }
        self.kept = [size for size in self.notes if size > first]

    def rows(self) -> list[dict[str, Any]]:
        signed = [{"type": "checkpoint", "note": self.notes[size]} for size in self.kept]
        return [self.header, *signed, *self.entries]

    def line_of(self, place: int) -> int:
        return 1 + len(self.kept) + place + 1

    def verdict(self, known: tuple[str, ...] = ()) -> Verdict:
        return verify(lines_of(self.rows()), [SIGNER.verifier_key], known)


def telling(upper: Any, log: str = "entries") -> dict[str, Any]:
    """Return the fields of an entry that tells of what retention took."""
    taken = {"name": f"{log}_0", "log": log, "lower": 0, "upper": upper}
    return {"partitions": [{"name": "messages_0", "log": "messages", "upper": 99}, taken]}


def entry(position: int, number: int, body: str) -> dict[str, Any]:
    leaf = leaf_hash(body.encode()).hex()
    named = {"type": "entry", "position": position, "number": number}
    return {**named, "leaf": leaf, "body": body}


def lines_of(rows: list[dict[str, Any]]) -> list[bytes]:
    return [json.dumps(row).encode() + b"\n" for row in rows]


def found(verdict: Verdict) -> tuple[str | None, int | None, int | None]:
    assert not verdict.verified
    return verdict.fault, verdict.line, verdict.position


@pytest.mark.parametrize(
    "told",
    [
        *(telling(7), telling(8, log="events"), telling(8.0), telling("8"), telling(None)),
        *({"partitions": 8}, {"partitions": [8]}, {"partitions": [{"upper": 8}]}, {"other": 8}),
    ],
    ids=str,
)
def test_oldest_entries_of_which_none_says_that_retention_took_them_were_dropped(told: Any) -> None:
    assert found(Export(33, first=8, told=told).verdict()) == ("dropped", 1, 0)


@pytest.mark.parametrize("size", [1, 2, 7, 10, 33, 64])
def test_a_sound_export_verifies(size: int) -> None:
    export = Export(size)
    verdict = export.verdict(tuple(export.notes.values()))

    assert verdict.verified, verdict.told()
    assert (verdict.entries, verdict.size) == (size, size)
    assert verdict.unchecked == ()


@pytest.mark.parametrize("first", [1, 5, 10, 16, 32])
def test_a_sound_export_without_its_oldest_entries_verifies(first: int) -> None:
    export = Export(33, first=first)
    verdict = export.verdict((export.notes[10],))

    assert verdict.verified, verdict.told()
    assert verdict.entries == 33 - first
    assert verdict.unchecked == ((10,) if first >= 10 else ())


NAMES = sorted(json.loads(body_of(0, 1, "mer_1")))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", [0, 12, 32])
def test_an_entry_changed_in_any_field_is_found_and_placed(name: str, place: int) -> None:
    export = Export(33)
    body = json.loads(export.entries[place]["body"])
    body[name] = {"is": "changed"} if isinstance(body[name], dict) else f"{body[name]}0"
    export.entries[place]["body"] = encode(body).decode()

    assert found(export.verdict()) == ("changed", export.line_of(place), place)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"index", "log", "number"}])
def test_an_entry_changed_with_its_leaf_is_found_between_checkpoints(name: str) -> None:
    export = Export(33)
    body = json.loads(export.entries[12]["body"])
    body[name] = {"is": "changed"} if isinstance(body[name], dict) else f"{body[name]}0"
    number = export.entries[12]["number"]
    export.entries[12] = entry(12, number, encode(body).decode())
    verdict = export.verdict()

    if name in {"tenant", "merchant"}:
        assert found(verdict) == ("number_gap", export.line_of(12), 12)
    else:
        assert found(verdict) == ("changed", export.line_of(10), 10)
        assert "10 to 19" in verdict.text


@pytest.mark.parametrize(("name", "value"), [("index", 13), ("index", 99), ("log", "x")])
def test_a_place_changed_with_its_leaf_is_placed(name: str, value: Any) -> None:
    export = Export(33)
    body = json.loads(export.entries[12]["body"])
    body[name] = value
    export.entries[12] = entry(12, export.entries[12]["number"], encode(body).decode())
    verdict = export.verdict()

    assert found(verdict)[1:] == (export.line_of(12), 12)
    assert verdict.fault in {"changed", "swapped"}


@pytest.mark.parametrize("name", ["position", "number", "leaf", "body"])
def test_a_line_changed_beside_its_body_is_placed(name: str) -> None:
    export = Export(33)
    other = {"position": 40, "number": 40, "leaf": "0" * 64, "body": "{}"}
    export.entries[12][name] = other[name]
    verdict = export.verdict()

    assert verdict.fault == "changed"
    assert verdict.line == export.line_of(12)


def test_a_body_that_is_no_utf_8_never_passes_for_another() -> None:
    export = Export(33)
    export.entries[12] = entry(12, 9, body_of(12, 9, "mer_1", subject="what?"))
    export.entries[12]["body"] = export.entries[12]["body"].replace("?", "\ud800")

    assert found(export.verdict()) == ("changed", export.line_of(12), 12)


@pytest.mark.parametrize("place", [0, 9, 12, 31])
def test_a_dropped_entry_is_placed(place: int) -> None:
    export = Export(33)
    del export.entries[place]

    assert found(export.verdict()) == ("dropped", export.line_of(place), place)


def test_a_dropped_entry_is_placed_though_the_rest_was_numbered_anew() -> None:
    export = Export(33)
    del export.entries[12]
    for position, row in enumerate(export.entries):
        row["position"] = position

    verdict = export.verdict()
    assert found(verdict)[1:] == (export.line_of(12), 12)
    assert verdict.fault in {"dropped", "swapped"}


@pytest.mark.parametrize(("one", "two"), [(0, 1), (3, 12), (31, 32), (9, 10)])
def test_swapped_entries_are_placed(one: int, two: int) -> None:
    export = Export(33)
    rows = export.entries
    rows[one], rows[two] = rows[two], rows[one]

    assert found(export.verdict()) == ("swapped", export.line_of(one), one)


def test_an_entry_that_stands_twice_is_placed() -> None:
    export = Export(33)
    export.entries.insert(12, export.entries[11])

    assert found(export.verdict()) == ("swapped", export.line_of(12), 12)


@pytest.mark.parametrize("left", [0, 1, 20, 32])
def test_a_tail_cut_off_is_placed(left: int) -> None:
    export = Export(33)
    del export.entries[left:]

    assert found(export.verdict()) == ("cut", export.line_of(left), left)


def test_a_file_cut_within_a_line_is_placed() -> None:
    export = Export(33)
    lines = lines_of(export.rows())
    lines[-1] = lines[-1][:-7]

    verdict = verify(lines, [SIGNER.verifier_key])
    assert (verdict.fault, verdict.line) == ("cut", export.line_of(32))


def test_a_database_rolled_back_is_seen_by_a_kept_checkpoint() -> None:
    kept = Export(33).notes[33]
    export = Export(20)

    assert export.verdict().verified
    assert found(export.verdict((kept,))) == ("rolled_back", 3, None)


def test_a_log_rewritten_since_is_seen_by_a_kept_checkpoint() -> None:
    kept = sign_checkpoint(Checkpoint(ORIGIN, 15, bytes(32)), SIGNER)
    of_a_checkpoint = sign_checkpoint(Checkpoint(ORIGIN, 20, bytes(32)), SIGNER)

    assert found(Export(33).verdict((kept,)))[0] == "changed"
    assert found(Export(33).verdict((of_a_checkpoint,)))[0] == "not_extending"


def test_a_gap_in_a_merchants_numbers_is_placed() -> None:
    export = Export(33)
    frontier = Frontier.empty()
    export.entries[12] = entry(12, 10, body_of(12, 10, "mer_1"))
    for row in export.entries:
        frontier.append(bytes.fromhex(row["leaf"]))
    export.kept = [33]
    export.notes[33] = sign_checkpoint(Checkpoint(ORIGIN, 33, frontier.root()), SIGNER)

    assert found(export.verdict()) == ("number_gap", export.line_of(12), 12)


def test_a_checkpoint_that_does_not_extend_an_earlier_one_is_placed() -> None:
    export = Export(33)
    export.kept = [10, 30, 20, 33]
    assert found(export.verdict()) == ("not_extending", 4, None)

    export = Export(33)
    export.notes[20] = sign_checkpoint(Checkpoint(ORIGIN, 20, bytes(32)), SIGNER)
    assert found(export.verdict()) == ("changed", export.line_of(10), 10)


def _other_key(note: str) -> str:
    return sign_checkpoint(
        Checkpoint.of(note.split("\n\n", maxsplit=1)[0] + "\n"), Signer(ORIGIN, bytes(32))
    )


CHANGES: list[Callable[[str], str]] = [
    _other_key,
    lambda note: note.replace("\n20\n", "\n21\n"),
    lambda note: note[:-8] + "AAAA" + note[-4:],
    lambda note: note.replace(ORIGIN, "other"),
    lambda note: note.split("\n\n")[0] + "\n\n",
    lambda note: note[:-1],
    lambda _: "",
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_a_wrong_signature_is_placed(change: Callable[[str], str]) -> None:
    export = Export(33)
    export.notes[20] = change(export.notes[20])

    assert found(export.verdict()) == ("signature", 3, None)


def test_an_entry_behind_the_last_checkpoint_is_refused() -> None:
    export = Export(33)
    del export.notes[33]
    export.kept.remove(33)
    assert found(export.verdict())[0] == "cut"
    export.header["size"] = 30
    assert found(export.verdict()) == ("malformed", export.line_of(30), 30)


@pytest.mark.parametrize(
    "line",
    [b"\n", b"[]\n", b"{\n", b'{"type":"entry"}\n', b'{"a":1,"a":1}\n', b"\xff\n"],
)
@pytest.mark.parametrize("at", [0, 1, 4, 20])
def test_a_malformed_line_is_placed(line: bytes, at: int) -> None:
    lines = lines_of(Export(33).rows())
    lines[at] = line if line.endswith(b"\n") else line + b"\n"
    verdict = verify(lines, [SIGNER.verifier_key])

    assert (verdict.fault, verdict.line) == ("malformed", at + 1)


@pytest.mark.parametrize("left", [[int("1" * 64)], [None], ["1" * 63], 1])
def test_a_header_with_what_is_no_hash_is_malformed(left: Any) -> None:
    export = Export(33)
    export.header |= {"first": 1, "left": left}

    assert found(export.verdict()) == ("malformed", 1, None)


def test_any_one_byte_changed_is_never_taken() -> None:
    lines = lines_of(Export(33).rows())
    chance = random.Random(7)  # noqa: S311  a fixed seed, no secret
    for _ in range(150):
        at = chance.randrange(len(lines))
        where = chance.randrange(len(lines[at]))
        changed = lines[at][:where] + bytes([lines[at][where] ^ 1]) + lines[at][where + 1 :]
        verdict = verify([*lines[:at], changed, *lines[at + 1 :]], [SIGNER.verifier_key])
        assert not verdict.verified, changed


def test_edges_of_ed25519_are_those_of_the_service(material: Path) -> None:
    path = material / "vectors" / "cctv-ed25519" / "ed25519vectors.json"
    cases = json.loads(path.read_text())
    for case in cases:
        given = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"]), case["msg"].encode()
        assert verify_log.ed25519_verifies(*given) == ed25519.verifies(*given), case["number"]


def test_the_file_runs_alone_and_says_how_it_ended(tmp_path: Path) -> None:
    source = Path(verify_log.__file__).read_bytes()
    (tmp_path / "verify_log.py").write_bytes(source)
    export = Export(33)
    (tmp_path / "sound").write_bytes(b"".join(lines_of(export.rows())))
    (tmp_path / "known").write_text(export.notes[20])
    export.entries[3]["leaf"] = "0" * 64
    (tmp_path / "bad").write_bytes(b"".join(lines_of(export.rows())))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "verify_log.py", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    key = ("--key", SIGNER.verifier_key)
    sound = run("sound", *key, "--known", "known")
    assert (sound.returncode, sound.stdout[:20]) == (0, "verified: 33 entries")
    bad = run("bad", *key)
    assert bad.returncode == 1
    assert bad.stdout.startswith("BAD line 9, entry 3: changed:")
    told = json.loads(run("bad", *key, "--json").stdout)
    assert (told["verified"], told["line"]) == (False, 9)
    for wrong in (("none", *key), ("sound", "--key", "x"), ("sound", *key, "--known", "bad")):
        assert run(*wrong).returncode == 2
