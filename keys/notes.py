"""Signed notes and checkpoints of the log (C2SP signed-note and tlog-checkpoint). Pure.

A note is text, an empty line, and a line for each signature. A checkpoint is a note whose text
is the log's origin, the tree's size and its root. Ed25519 only (type 0x01 of a key).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from keys.hazmat import ed25519
from keys.translog import HASH_BYTES

NAME_CHARS_MAX: Final = 255
NOTE_CHARS_MAX: Final = 65_536
SIGNATURES_MAX: Final = 16
SIZE_MAX: Final = 2**63 - 1

_ED25519: Final = b"\x01"
_KEY_ID_BYTES: Final = 4
_DASH: Final = "\u2014"
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f]+")
_LINE: Final = re.compile(rf"{_DASH} ([^ ]+) ([A-Za-z0-9+/]+={{0,2}})")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class NotANote(ValueError):  # noqa: N818  says what it is not
    """Text is no note, or none that a given key signed; says why, never the text."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """The public half of a key that signs notes.

    Attributes:
        name: The key's name: no white space, no plus sign; of a log's key, the log's origin.
        public: Its Ed25519 public key, 32 bytes.
    """

    name: str
    public: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != ed25519.PUBLIC_BYTES:
            raise NotANote(f"a public key has {ed25519.PUBLIC_BYTES} bytes")

    @classmethod
    def of(cls, verifier_key: str) -> "Verifier":
        """Return the verifier of a verifier key, `name+hash+base64`.

        Raises:
            NotANote: The text is no verifier key for Ed25519, or its hash is not its own.
        """
        name, _, rest = verifier_key.partition("+")
        key_id, _, encoded = rest.partition("+")
        key = _decoded(encoded)
        if key[:1] != _ED25519:
            raise NotANote("a verifier key is name+hash+base64, for Ed25519")
        found = cls(name, key[1:])
        if found.key_id.hex() != key_id:
            raise NotANote("the verifier key's hash is not its own")
        return found

    @property
    def key_id(self) -> bytes:
        """The first 4 bytes of the hash over name and key: which key a signature says it is of."""
        hashed = self.name.encode() + b"\n" + _ED25519 + self.public
        return hashlib.sha256(hashed).digest()[:_KEY_ID_BYTES]

    @property
    def verifier_key(self) -> str:
        """The key as an auditor is given it: `name+hash+base64`."""
        encoded = base64.b64encode(_ED25519 + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


class Signer:
    """A key that signs notes."""

    def __init__(self, name: str, seed: bytes) -> None:
        """Take a key.

        Args:
            name: Its name; of a log's key, the log's origin.
            seed: Its Ed25519 seed, 32 bytes.

        Raises:
            ValueError: The seed has another length, or the name is none.
        """
        self._seed = seed
        self.verifier = Verifier(name, ed25519.public_of(seed))

    @property
    def verifier_key(self) -> str:
        """The public half as an auditor is given it."""
        return self.verifier.verifier_key

    def line(self, text: str) -> str:
        """Return the signature line over a note's text, with its line feed."""
        signed = self.verifier.key_id + ed25519.sign(self._seed, text.encode())
        return f"{_DASH} {self.verifier.name} {base64.b64encode(signed).decode()}\n"


def sign_note(text: str, signer: Signer) -> str:
    """Return a note: the text and one signature.

    Raises:
        NotANote: The text is empty, too long, does not end in a line feed, or holds control
            characters other than line feeds.
    """
    _check_text(text)
    return f"{text}\n{signer.line(text)}"


def open_note(note: str, verifiers: Iterable[Verifier]) -> str:
    """Return the text of a note that at least one given key signed.

    Signatures of other keys are passed over, as C2SP asks.

    Raises:
        NotANote: It is no note, no given key signed it, or a signature that says it is of a
            given key is not.
    """
    text, lines = _parts(note)
    known = {(one.name, one.key_id): one for one in verifiers}
    signed = set()
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None or not _NAME.fullmatch(match[1]):
            raise NotANote("a signature's line is malformed")
        value = _decoded(match[2])
        if len(value) <= _KEY_ID_BYTES:
            raise NotANote("a signature's line is malformed")
        who = match[1], value[:_KEY_ID_BYTES]
        if who in known:
            if not _verifies(known[who], value[_KEY_ID_BYTES:], text):
                raise NotANote("a signature by a known key does not verify")
            signed.add(who)
    if not signed:
        raise NotANote("no known key signed it")
    return text


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's state: this many leaves, this root.

    Attributes:
        origin: The log's name to the world: no line feed, not empty.
        size: Number of leaves, from 0.
        root: Root of the tree, 32 bytes.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not self.origin or "\n" in self.origin or _CONTROL.search(self.origin):
            raise NotANote("an origin is one line")
        if not 0 <= self.size <= SIZE_MAX or len(self.root) != HASH_BYTES:
            raise NotANote("a checkpoint has a size and a root of 32 bytes")

    @classmethod
    def of(cls, text: str) -> "Checkpoint":
        """Return what a checkpoint's text says.

        Raises:
            NotANote: It is none, or has extension lines, which we do not write.
        """
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:  # noqa: PLR2004  three lines and what is behind the last
            raise NotANote("a checkpoint has three lines")
        origin, size, root = lines[:3]
        if _SIZE.fullmatch(size) is None:
            raise NotANote("a checkpoint's second line is its size")
        return cls(origin, int(size), _decoded(root))

    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> str:
    """Return a checkpoint's signed note.

    Raises:
        NotANote: The key's name is not the checkpoint's origin.
    """
    if signer.verifier.name != checkpoint.origin:
        raise NotANote("a log's key has the log's origin as its name")
    return sign_note(checkpoint.text(), signer)


def open_checkpoint(note: str, verifiers: Iterable[Verifier], origin: str) -> Checkpoint:
    """Return what a signed checkpoint says.

    Only keys named as the origin count: the log's own, not those of witnesses.

    Raises:
        NotANote: It is none, no such key signed it, or it is another log's.
    """
    text = open_note(note, [one for one in verifiers if one.name == origin])
    checkpoint = Checkpoint.of(text)
    if checkpoint.origin != origin:
        raise NotANote("the checkpoint is another log's")
    return checkpoint


def _parts(note: str) -> tuple[str, list[str]]:
    if len(note) > NOTE_CHARS_MAX or not note.endswith("\n"):
        raise NotANote("a note is too long, or does not end in a line feed")
    head, found, signatures = note.rpartition("\n\n")
    text, lines = head + "\n", signatures.split("\n")[:-1]
    if not found or not 1 <= len(lines) <= SIGNATURES_MAX:
        raise NotANote("a note is text, an empty line and signatures")
    _check_text(text)
    return text, lines


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotANote("a note's text is UTF-8") from None
    if len(text) > NOTE_CHARS_MAX or not text.strip("\n") or not text.endswith("\n"):
        raise NotANote("a note's text is not empty, and ends in a line feed")
    if _CONTROL.search(text):
        raise NotANote("a note's text has no control characters")


def _check_name(name: str) -> None:
    if len(name) > NAME_CHARS_MAX or _NAME.fullmatch(name) is None:
        raise NotANote("a key's name has no white space and no plus sign")


def _verifies(verifier: Verifier, signature: bytes, text: str) -> bool:
    if len(signature) != ed25519.SIGNATURE_BYTES:
        return False
    return ed25519.verifies(verifier.public, signature, text.encode())


def _decoded(encoded: str) -> bytes:
    """Return the bytes of strict base64: one spelling only."""
    try:
        value = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        raise NotANote("base64 is malformed") from None
    if base64.b64encode(value).decode() != encoded:
        raise NotANote("base64 is malformed")
    return value
