"""What commands about the log share: its reader, its folder outside, and how the two compare."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from keys.notes import Checkpoint, NotANote, Verifier
from service.cli.environment import current_settings
from service.cli.screen import Failure
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.db.stores import open_patient_reader
from service.rooms.audit import model, queries
from service.rooms.audit.contract import LOG, DivergenceReason
from service.settings import Settings
from service.unit_of_work.fence import WRITER_ROW
from service.worker.outside import CheckpointFolder

SHARD: Final = 0
# The kind of the entry that tells of ranges that retention took.
DROPPED: Final = "partitions.dropped"
# It comes once a range is dropped, which others' locks may put off.
TELLS_WITHIN: Final = dt.timedelta(minutes=10)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How the database and the checkpoints outside of it stand to each other.

    Attributes:
        size: Of the latest checkpoint in the database; 0 where there is none.
        outside: The latest outside, if there is one that a key of ours signed.
        has_outside: Whether there is one at all.
        reason: What is wrong, or None.
    """

    size: int
    outside: Checkpoint | None
    has_outside: bool
    reason: DivergenceReason | None


def is_retiring(reader: Reader) -> bool:
    """Say whether retention took a range a moment ago, and the entry that tells of it is to come.

    Raises:
        StoreUnavailable: The database cannot be read.
    """
    writer = reader.maybe(WRITER_ROW(shard=SHARD))
    since = writer["now"] - TELLS_WITHIN if writer else None
    return since is not None and bool(reader.fetch(queries.GOING(since=since)))


def log_reader() -> tuple[Settings, Reader]:
    """Return the settings and what reads the log of this service.

    Raises:
        Failure: The settings are wrong, or the database cannot be read.
    """
    settings = current_settings()
    try:
        return settings, open_patient_reader(settings.database)
    except StoreUnavailable as error:
        raise unusable(error) from error


def unusable(error: StoreUnavailable) -> Failure:
    """Return what a person is told of a database that cannot be read."""
    return Failure("database_unusable", str(error), then="`payguard doctor` looks for the cause")


def folder_of(settings: Settings) -> CheckpointFolder:
    """Return the checkpoints outside of the database."""
    return CheckpointFolder(settings.checkpoints, LOG)


def unreadable(settings: Settings, error: OSError) -> Failure:
    """Return what a person is told of a folder outside that cannot be read."""
    return Failure(
        "checkpoints_unreadable",
        f"the checkpoints in {settings.checkpoints} cannot be read: {error.strerror}",
        then="give this user the right to read them, or set PAYGUARD_CHECKPOINT_FOLDER",
    )


def standing(settings: Settings, reader: Reader) -> Standing:
    """Return how the database and the checkpoints outside of it stand to each other.

    Raises:
        StoreUnavailable: The database cannot be read.
        OSError: The folder outside cannot be read.
    """
    folder = folder_of(settings)
    note = folder.latest()
    size = queries.tree_size(reader, LOG)
    if note is None:
        return Standing(size=size, outside=None, has_outside=False, reason=None)
    outside = model.opened(note, trusted(reader, folder))
    reason = queries.divergence(reader, LOG, outside=outside, size=size)
    return Standing(size=size, outside=outside, has_outside=True, reason=reason)


def trusted(reader: Reader, folder: CheckpointFolder, given: Sequence[str] = ()) -> list[Verifier]:
    """Return the keys that count: those given; else that outside; else the database's.

    Whoever changes the database could bring a key of their own into it.

    Raises:
        Failure: A key is none.
        StoreUnavailable: The database cannot be read.
        OSError: The folder outside cannot be read.
    """
    told = list(given)
    if not told:
        outside = folder.key()
        told = [outside] if outside else []
    try:
        keys = [Verifier.of(one.strip()) for one in told]
    except NotANote as error:
        raise Failure(
            "key_invalid", str(error), then="`payguard audit checkpoint` shows the service's key"
        ) from error
    return keys or queries.verifiers_of(queries.keys_of(reader, LOG))
