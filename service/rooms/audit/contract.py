"""What may be asked of the log: keys, growth, checkpoints, proofs. A seed travels sealed only."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.answers import Shape
from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

# The one shard's log; its name stands in every entry.
LOG: Final = "0"

HASH_BYTES: Final = 32
TILE_HASHES: Final = 256
TILE_BYTES_MAX: Final = TILE_HASHES * HASH_BYTES
LEAVES_AT_ONCE: Final = 4_096
TILES_AT_ONCE: Final = 32
NOTE_CHARS_MAX: Final = 1_024
SEALED_BYTES_MAX: Final = 512
ORIGIN_CHARS_MAX: Final = 255
REASON_CHARS_MAX: Final = 140
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
NUMBER_MAX: Final = 2**53 - 1

DivergenceReason = Literal["rolled_back", "not_extending", "not_ours", "gap", "tree"]

LOG_KEY_EXISTS: Final = Problem("log_key_exists", 409)
LOG_KEY_INVALID: Final = Problem("log_key_invalid", 422)
LOG_TREE_ELSEWHERE: Final = Problem("log_tree_elsewhere", 409)
LOG_TREE_INVALID: Final = Problem("log_tree_invalid", 422)
LOG_DIVERGED: Final = Problem("log_diverged", 409)
LOG_ENTRY_NOT_FOUND: Final = Problem("log_entry_not_found", 404)
CHECKPOINT_NOT_FOUND: Final = Problem("checkpoint_not_found", 404)
LOG_NOT_SIGNED_YET: Final = Problem("log_not_signed_yet", 409)
LOG_SIZES_INVALID: Final = Problem("log_sizes_invalid", 422)

AUDIT_KINDS: Final[dict[str, str]] = {
    "log_key.created": "A key that signs the log's checkpoints was created.",
    "log.grown": "The log's tree took in entries, and its checkpoint was signed.",
    "log.diverged": (
        "The log is not the one that a checkpoint outside of the database says, or has a hole;"
        " nothing more is signed until somebody accepts it."
    ),
    "log.restore_accepted": (
        "Somebody stated that the log was set back by a restore; the fields say from where."
    ),
    "log.exported": "The log was exported; the fields say which part.",
}

LogName = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,16}(?![\s\S])")]
Size = Annotated[int, msgspec.Meta(ge=0, le=NUMBER_MAX)]
Hash = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Hex = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]
Origin = Annotated[str, msgspec.Meta(pattern=r"^[!-*,-~]{1,255}(?![\s\S])")]
Reason = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^\x00-\x1f\x7f]{1,140}(?![\s\S])", min_length=1, max_length=REASON_CHARS_MAX
    ),
]


class Checkpoint(Shape, frozen=True, kw_only=True):
    """A signed state of the log.

    Attributes:
        size: How many entries it covers, from index 0 on.
        root: Root of the tree over them (RFC 9162), 64 hexadecimal digits.
        note: The C2SP signed note, with its line feeds: keep it, and hold later ones against it.
        verifier_key: The key that signed it, as C2SP writes it; ask for it elsewhere as well.
        signed_at: When it was committed.
    """

    log: str
    origin: str
    size: int
    root: str
    note: str
    verifier_key: str
    signed_at: Instant


class LogEntry(Shape, frozen=True, kw_only=True):
    """An entry of the caller's.

    Attributes:
        index: Place in the log, from 0.
        number: Place among the merchant's own, from 1, without a gap over both modes.
        leaf: SHA-256(0x00 || body), 64 hexadecimal digits.
        body: The entry's canonical bytes (RFC 8785), as the text that they are in UTF-8.
    """

    index: int
    number: int
    kind: str
    at: Instant
    leaf: str
    body: str


class LogEntryPage(Shape, frozen=True, kw_only=True):
    """One page of a merchant's entries, by growing number; `next_after` is null on the last."""

    entries: tuple[LogEntry, ...]
    next_after: int | None


class InclusionProof(Shape, frozen=True, kw_only=True):
    """That an entry is in the log (RFC 9162, section 2.1.3).

    Attributes:
        entry: The entry.
        size: Size of the tree that the proof is in.
        root: Its root.
        hashes: The proof, from the leaf up.
    """

    entry: LogEntry
    size: int
    root: str
    hashes: tuple[str, ...]


class ConsistencyProof(Shape, frozen=True, kw_only=True):
    """That the log of one size begins with that of a smaller one (RFC 9162, section 2.1.4)."""

    old: int
    new: int
    old_root: str
    new_root: str
    hashes: tuple[str, ...]


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which of the merchant's entries: those behind a number."""

    after: Size = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT


class CheckpointQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which size; the latest if not said."""

    size: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | None = None


class InclusionQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which entry, and in the tree of which size; that of the latest checkpoint if not said."""

    index: Size
    size: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | None = None


class ConsistencyQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From which size to which; to that of the latest checkpoint if not said."""

    old: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
    new: Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)] | None = None


class LogKeyCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The key signs from now on."""

    key_id: str


class CreateLogKey(Command, frozen=True, kw_only=True):
    """Keep the first key that signs a log's checkpoints; as the house.

    Attributes:
        origin: The log's name to the world, and the key's.
        key_id: The C2SP key id, 8 hexadecimal digits.
        public_key: Ed25519, 32 bytes.
        sealed_seed: Its seed, sealed where it was made and bound to its name.
    """

    gives: ClassVar[type[msgspec.Struct]] = LogKeyCreated

    log: LogName
    origin: Origin
    key_id: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{8}(?![\s\S])")]
    public_key: Hash
    sealed_seed: Annotated[bytes, msgspec.Meta(min_length=1, max_length=SEALED_BYTES_MAX)]


class Tile(msgspec.Struct, frozen=True, kw_only=True):
    """Up to 256 neighbouring hashes of one level; level n holds the roots of level n-1's tiles.

    Attributes:
        level: 0 for leaves.
        tile: Its place on that level.
        hashes: One behind the other.
    """

    level: Annotated[int, msgspec.Meta(ge=0, le=7)]
    tile: Size
    hashes: Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=TILE_BYTES_MAX)]


class TreeGrown(msgspec.Struct, frozen=True, kw_only=True):
    """How large the tree is now."""

    size: int


class GrowTree(Command, frozen=True, kw_only=True):
    """Let the log's tree take in leaves; as the house.

    Attributes:
        before: Size of the tree that it grows from.
        note: The signed checkpoint of the new size.
        tiles: Every tile that changes, as it then is.
    """

    gives: ClassVar[type[msgspec.Struct]] = TreeGrown

    log: LogName
    before: Size
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_CHARS_MAX)]
    tiles: Annotated[tuple[Tile, ...], msgspec.Meta(min_length=1, max_length=TILES_AT_ONCE)]


class DivergenceRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing more is signed until it is accepted."""

    divergence_id: str


class RecordDivergence(Command, frozen=True, kw_only=True):
    """Record that the log is not what was signed; as the house.

    Attributes:
        reason: What is wrong.
        size: Of the latest checkpoint in the database.
        outside_size: Of the latest checkpoint outside; for a gap, the missing index.
        outside_root: Of that checkpoint; None where it cannot be read.
    """

    gives: ClassVar[type[msgspec.Struct]] = DivergenceRecorded

    log: LogName
    reason: DivergenceReason
    size: Size
    outside_size: Size
    outside_root: Hex | None


class RestoreAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The statement is in the log."""

    size: int


class AcceptRestore(Command, frozen=True, kw_only=True):
    """State that the log was set back by a restore, so that it is signed again; as the house.

    Attributes:
        size: Of the latest checkpoint in the database.
        outside_size: Of the latest checkpoint outside.
        outside_root: Of that checkpoint; None where it cannot be read.
        reason: Why, in the operator's words.
    """

    gives: ClassVar[type[msgspec.Struct]] = RestoreAccepted

    log: LogName
    size: Size
    outside_size: Size
    outside_root: Hex | None
    reason: Reason


class ExportRecorded(msgspec.Struct, frozen=True, kw_only=True):
    """The export may begin."""

    size: int


class RecordExport(Command, frozen=True, kw_only=True):
    """Record that a part of the log is exported; as the house.

    Attributes:
        first: Index of its first entry.
        size: Size of the tree whose entries it holds.
    """

    gives: ClassVar[type[msgspec.Struct]] = ExportRecorded

    log: LogName
    first: Size
    size: Size
