"""Stand-alone verifier of the audit log's export: one file, Python's standard library only.

    python verify_log.py EXPORT.jsonl --key KEY [--key KEY]... [--known CHECKPOINT]... [--json]

It shares no code with the service whose log it checks, on purpose. docs/audit-export.md gives
the file's format, what is checked, and the verdict. Exit status: 0 verifies, 1 does not, 2 the
question cannot be answered.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Final

FORMAT: Final = "payguard-audit-export/1"
_HEADER: Final = {"type", "format", "scope", "log", "origin", "first", "left", "size"}
_ENTRY: Final = {"type", "position", "number", "leaf", "body"}
_PLACE: Final = ("log", "index", "number", "tenant", "merchant")
_HEX: Final = re.compile(r'"[0-9a-f]{64}"')
_SIGNATURE: Final = re.compile(r"\u2014 ([^ +]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE: Final = re.compile(r"[1-9][0-9]{0,18}")

# Ed25519 (RFC 8032): the field's prime, the group's order, the curve's d, a root of -1.
_P: Final = 2**255 - 19
_L: Final = 2**252 + 27742317777372353535851937790883648493
_D: Final = -121665 * pow(121666, -1, _P) % _P
_I: Final = pow(2, (_P - 1) // 4, _P)
_ORDER_8: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P

_Point = tuple[int, int, int, int]
_Keys = Sequence[tuple[str, bytes, bytes]]


class Bad(Exception):  # noqa: N818  it is the verdict
    """The first bad place; its arguments: fault, line from 1, position or None, text."""


@dataclass(frozen=True)
class Verdict:
    """What was found; docs/audit-export.md section 5 tells the members."""

    fault: str | None = None
    line: int | None = None
    position: int | None = None
    text: str = ""
    entries: int = 0
    checkpoints: int = 0
    size: int = 0
    root: str = ""
    unchecked: tuple[int, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether nothing bad was found."""
        return self.fault is None

    def told(self) -> str:
        """Return one line for people."""
        if self.verified:
            skipped = f"; kept checkpoints not compared: {self.unchecked}" if self.unchecked else ""
            tree = f"tree of {self.size}, root {self.root}{skipped}"
            them = f"{self.entries} entries ({self.size - self.entries} to {self.size - 1})"
            return f"verified: {them}, {self.checkpoints} checkpoints, {tree}"
        place = "" if self.position is None else f", entry {self.position}"
        return f"BAD line {self.line}{place}: {self.fault}: {self.text}"

    def record(self) -> dict[str, Any]:
        """Return the members for programs."""
        return {"verified": self.verified, **asdict(self)}


def _edwards(y: int, sign: int) -> _Point | None:
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * v**3 * pow(u * v**7 % _P, (_P - 5) // 8, _P) % _P
    if (v * x * x - u) % _P:
        x = x * _I % _P
    if (v * x * x - u) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return x, y, 1, x * y % _P


def _add(p: _Point, q: _Point) -> _Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = 2 * _D * p[3] * q[3] % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _decoded(encoded: bytes) -> _Point | None:
    value = int.from_bytes(encoded, "little")
    y = value & (1 << 255) - 1
    return None if y >= _P or y in _SMALL_ORDER else _edwards(y, value >> 255)


def ed25519_verifies(public: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether a signature is by this key over this data, by the strict choice."""
    s = int.from_bytes(signature[32:], "little")
    if len(public) != 32 or len(signature) != 64 or s >= _L:  # noqa: PLR2004  RFC 8032's lengths
        return False
    key, commitment = _decoded(public), _decoded(signature[:32])
    base = _edwards(_BASE_Y, 0)
    if key is None or commitment is None or base is None:
        return False
    hashed = hashlib.sha512(signature[:32] + public + data).digest()
    k = int.from_bytes(hashed, "little") % _L
    minus: _Point = (-key[0] % _P, key[1], 1, -key[3] % _P)
    sums = (None, base, minus, _add(base, minus))
    found: _Point = (0, 1, 1, 0)
    for bit in range(252, -1, -1):
        found = _add(found, found)
        chosen = sums[(s >> bit & 1) | (k >> bit & 1) << 1]
        found = found if chosen is None else _add(found, chosen)
    x, y, z, _ = found
    return not ((x - commitment[0] * z) % _P or (y - commitment[1] * z) % _P)


def _base64(text: str) -> bytes:
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("base64 is malformed")
    return value


def parsed_key(text: str) -> tuple[str, bytes, bytes]:
    """Return name, key id and public key of a verifier key; ValueError where it is none."""
    name, _, rest = text.strip().partition("+")
    key_id, _, encoded = rest.partition("+")
    key = _base64(encoded)
    own = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if not name or key[:1] != b"\x01" or len(key) != 33 or own.hex() != key_id:  # noqa: PLR2004  type and key
        raise ValueError("a key is name+hash+base64, for Ed25519")
    return name, own, key[1:]


def opened(note: str, keys: _Keys) -> tuple[str, int, bytes]:
    """Return origin, size and root of a signed checkpoint; ValueError where it is none."""
    head, found, tail = note.rpartition("\n\n")
    text = head + "\n"
    lines = head.split("\n")
    if not found or not tail.endswith("\n") or len(lines) != 3:  # noqa: PLR2004  a checkpoint's
        raise ValueError("the note is no checkpoint")
    origin, size, root = lines[0], lines[1], _base64(lines[2])
    if not origin or _SIZE.fullmatch(size) is None or len(root) != 32:  # noqa: PLR2004  bytes of SHA-256
        raise ValueError("the note is no checkpoint")
    signed = 0
    for line in tail.split("\n")[:-1]:
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise ValueError("a signature's line is malformed")
        value = _base64(match[2])
        for name, key_id, public in keys:
            if (name, key_id) == (match[1], value[:4]) and name == origin:
                if not ed25519_verifies(public, value[4:], text.encode()):
                    raise ValueError("the signature does not verify")
                signed += 1
    if not signed:
        raise ValueError("no given key signed the checkpoint")
    return origin, int(size), root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is repeated")
    return found


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique)


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _index(row: dict[str, Any]) -> object:
    try:
        return _JSON.decode(row["body"])["index"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return row.get("position")


def _dropped_to(body: dict[str, Any]) -> int:
    try:
        told = body["fields"]["partitions"] if body.get("kind") == "partitions.dropped" else ()
        uppers = [one["upper"] for one in told if one["log"] == "entries"]
    except (KeyError, TypeError):
        return 0
    return max(filter(_is_count, uppers), default=0)


class _Check:
    """One pass over the file; raises Bad at the first bad place."""

    def __init__(self, lines: Iterable[bytes], keys: _Keys, known: Sequence[str]) -> None:
        self._lines = enumerate(lines, 1)
        self._keys = keys
        self._known = [opened(note, keys) for note in known]
        self.line = self.entries = self.checkpoints = self._dropped = 0
        self.unchecked: list[int] = []
        self.roots: dict[int, bytes] = {}
        self._numbers: dict[tuple[Any, Any], int] = {}
        self._stack: list[bytes] = []

    def _rows(self) -> Iterator[dict[str, Any]]:
        for line, raw in self._lines:
            self.line = line
            if not raw.endswith(b"\n"):
                raise self._bad("cut", None, "the file ends within this line")
            try:
                row = _JSON.decode(raw.decode())
            except (ValueError, RecursionError):
                row = None
            if type(row) is not dict:
                raise self._bad("malformed", None, "the line is no JSON object")
            yield row

    def _bad(self, fault: str, position: int | None, text: str) -> Bad:
        return Bad(fault, self.line, position, text)

    def run(self) -> None:
        rows = self._rows()
        self._header(next(rows, {}))
        waiting = next(rows, None)
        while waiting is not None and waiting.get("type") == "checkpoint":
            self._checkpoint(waiting)
            waiting = next(rows, None)
        if waiting is not None and set(waiting) != _ENTRY:
            raise self._bad("malformed", None, "the line is no checkpoint and no entry")
        self._hold_checkpoints()
        while waiting is not None:
            self._entry(waiting, self._first + self.entries, rows)
            waiting = next(rows, None)
        position = self._first + self.entries
        if position < self.size:
            self.line += 1
            raise self._bad("cut", position, f"the entries end at {position} of {self.size}")
        if self._dropped < self._first:
            raise Bad("dropped", 1, 0, f"no entry tells where the first {self._first} went")

    def _header(self, row: dict[str, Any]) -> None:
        named = [row.get(name) for name in ("type", "format", "scope")]
        if set(row) != _HEADER or named != ["header", FORMAT, "log"]:
            raise Bad("malformed", 1, None, "the header is malformed")
        first, left, size = row["first"], row["left"], row["size"]
        are_hashes = type(left) is list and all(_HEX.fullmatch(json.dumps(one)) for one in left)
        are_counts = _is_count(first) and _is_count(size) and first < size
        if not (are_hashes and are_counts) or first.bit_count() != len(left):
            raise Bad("malformed", 1, None, "`first`, `left` and `size` do not fit each other")
        self._stack = [bytes.fromhex(one) for one in left]
        self._signed = self._first = first
        self.size, self._log, self._origin = size, row["log"], row["origin"]

    def _checkpoint(self, row: dict[str, Any]) -> None:
        if set(row) != {"type", "note"} or type(row["note"]) is not str:
            raise self._bad("malformed", None, "the checkpoint's line is malformed")
        try:
            origin, size, root = opened(row["note"], self._keys)
        except ValueError as wrong:
            raise self._bad("signature", None, str(wrong)) from None
        if origin != self._origin:
            raise self._bad("signature", None, "the checkpoint is another log's")
        last = max(self.roots, default=self._first + 1)
        if size < last or self.roots.get(size, root) != root:
            raise self._bad("not_extending", None, "it does not extend the checkpoint before")
        self.roots[size] = root
        self.checkpoints += 1

    def _hold_checkpoints(self) -> None:
        line, self.line = self.line, 1 + self.checkpoints
        last = max(self.roots, default=0)
        for origin, size, root in self._known:
            if origin != self._origin:
                raise self._bad("not_extending", None, "a kept checkpoint is another log's")
            if size > last:
                raise self._bad("rolled_back", None, f"{size} were signed, {last} are here")
            if self.roots.get(size, root) != root:
                raise self._bad("not_extending", None, f"the kept checkpoint of {size} differs")
            if size <= self._first:
                self.unchecked.append(size)
            else:
                self.roots[size] = root
        if last != self.size:
            raise self._bad("cut", None, f"the last checkpoint is of {last}, not {self.size}")
        self.line = line

    def _entry(self, row: dict[str, Any], expected: int, rows: Iterator[Any]) -> None:
        body = self._body(row, expected)
        position, number = row["position"], row["number"]
        if body["log"] != self._log or body["number"] != number:
            raise self._bad("changed", expected, "log or number is not the body's")
        owner = body["tenant"], body["merchant"]
        if body["index"] != expected or position != expected:
            raise self._misplaced(row, body, expected, rows)
        before = self._numbers.get(owner, None if self._first else 0)
        if before is not None and number != before + 1:
            raise self._bad("number_gap", position, f"number {number} follows {before}")
        self._numbers[owner] = number
        self._dropped = max(self._dropped, _dropped_to(body))
        self._grow(bytes.fromhex(row["leaf"]), expected)
        self.entries += 1

    def _body(self, row: dict[str, Any], expected: int) -> dict[str, Any]:
        is_sound = row.get("type") == "entry" and set(row) == _ENTRY and type(row["body"]) is str
        if not is_sound or not (_is_count(row["position"]) and _is_count(row["number"])):
            raise self._bad("malformed", None, "the entry's line is malformed")
        data = row["body"].encode(errors="surrogatepass")
        if hashlib.sha256(b"\x00" + data).hexdigest() != row["leaf"]:
            raise self._bad("changed", expected, "the body's hash is not its leaf")
        try:
            body = _JSON.decode(row["body"])
            hash(tuple(body[name] for name in _PLACE))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise self._bad("changed", expected, "the body is no entry") from None
        return dict(body)

    def _misplaced(self, row: Any, body: Any, expected: int, rows: Iterator[Any]) -> Bad:
        line, found = self.line, body["index"]
        later = [_index(one) for one in rows]
        self.line = line
        if found == expected:
            return self._bad("changed", expected, "the line's position is not its body's")
        is_alone = later[:1] == [expected + 1] or (not later and expected + 1 == self.size)
        if row["position"] == expected and is_alone:
            return self._bad("changed", expected, f"the body says that it is entry {found}")
        if expected in later or not isinstance(found, int) or found < expected:
            return self._bad("swapped", expected, f"entry {found} stands here")
        return self._bad("dropped", expected, f"entry {found} stands here, {expected} nowhere")

    def _grow(self, leaf: bytes, position: int) -> None:
        found, at = leaf, position
        while at & 1:
            found, at = _node(self._stack.pop(), found), at >> 1
        self._stack.append(found)
        size = position + 1
        if size > self.size:
            raise self._bad("malformed", position, "the entry is behind the last checkpoint")
        if size in self.roots:
            root = reduce(lambda right, left: _node(left, right), reversed(self._stack))
            if root != self.roots[size]:
                self.line -= position - self._signed
                text = f"entries {self._signed} to {position} are not those that were signed"
                raise self._bad("changed", self._signed, text)
            self._signed = size


def verify(lines: Iterable[bytes], keys: Sequence[str], known: Sequence[str] = ()) -> Verdict:
    """Return the verdict on an export.

    Args: the file's lines with their line feeds; verifier keys that the auditor holds, at least
    one; signed checkpoints kept from earlier audits.

    Raises:
        ValueError: A key or a kept checkpoint is none.
    """
    check = _Check(lines, [parsed_key(one) for one in keys], known)
    try:
        check.run()
    except Bad as bad:
        fault, line, position, text = bad.args
        return Verdict(fault, line, position, text, check.entries)
    tree = check.size, check.roots[check.size].hex(), tuple(check.unchecked)
    return Verdict(None, None, None, "", check.entries, check.checkpoints, *tree)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description="Verify an export of the audit log.")
    parser.add_argument("export", type=Path)
    parser.add_argument("--key", action="append", required=True, metavar="KEY")
    parser.add_argument("--known", action="append", default=[], type=Path, metavar="CHECKPOINT")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    try:
        known = [path.read_bytes().decode() for path in given.known]
        with given.export.open("rb") as lines:
            verdict = verify(lines, given.key, known)
    except (OSError, ValueError) as wrong:
        sys.stderr.write(f"cannot verify: {wrong}\n")
        return 2
    told = json.dumps(verdict.record(), sort_keys=True) if given.json else verdict.told()
    sys.stdout.write(told + "\n")
    return 1 if not verdict.verified else 2 if verdict.unchecked else 0


if __name__ == "__main__":
    sys.exit(main())
