"""Faulted commands: sealed, so that they can be run again dry. Never shows what they held."""

import datetime as dt
import traceback
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from keys.entropy import Entropy
from keys.sealing import Sealer
from service.db.statements import Row, Statement
from service.kernel.errors import Problem
from service.unit_of_work import schemas
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.outcome import Change, Entry, Refused
from service.unit_of_work.tables import FAULTS

CAUSE_LENGTH: Final = 400
FRAMES_NAMED: Final = 3

FAULTED: Final = Problem("internal_error", 500)

AUDIT_KINDS: Final[dict[str, str]] = {
    "command.faulted": (
        "A command failed in a way nobody expected and was dropped; it is kept sealed and can be"
        " run again dry. The fields hold its name."
    ),
}

INSERT_FAULT: Final = Statement(sa.insert(FAULTS), rows=1, name="insert faulted command")
FAULT_BY_ID: Final = Statement(
    sa.select(FAULTS).where(
        FAULTS.c.tenant_id == sa.bindparam("tenant_id"),
        FAULTS.c.fault_id == sa.bindparam("fault_id"),
    ),
    name="faulted command",
)
FAULT_OWNER: Final = Statement(
    sa.select(FAULTS.c.tenant_id).where(FAULTS.c.fault_id == sa.bindparam("fault_id")),
    name="owner of a faulted command",
)


class SealedCommand(msgspec.Struct, frozen=True, kw_only=True):
    """All that is needed to run a command again as it ran.

    Attributes:
        schema: Schema number of commands when it was sealed.
        name: The command's type.
        command: msgpack of the command.
        call: Who called.
        seed: Its 32 bytes of entropy.
        now: The writer's clock.
        sequence: The last committed sequence before it ran.
    """

    schema: int
    name: str
    command: bytes
    call: Call
    seed: bytes
    now: dt.datetime
    sequence: int


def cause_of(error: BaseException) -> str:
    """Return an exception's type and places, never its message, which may hold values."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES_NAMED:]
    places = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames)
    )
    return f"{type(error).__name__} at {places}"[:CAUSE_LENGTH]


def unseal(row: Row, *, sealer: Sealer) -> SealedCommand:
    """Return the sealed command of a row.

    Raises:
        keys.sealing.NotOpened: The key is another one, or the row was changed.
    """
    plain = sealer.open(row["sealed"], bound_to=_binding(row["fault_id"]))
    return msgspec.msgpack.decode(plain, type=SealedCommand)


def sealed_command(
    command: Command, *, call: Call, seed: bytes, now: dt.datetime, sequence: int
) -> SealedCommand:
    """Return a command with what it ran under."""
    return SealedCommand(
        schema=schemas.COMMAND,
        name=type(command).__name__,
        command=msgspec.msgpack.encode(command),
        call=call,
        seed=seed,
        now=now,
        sequence=sequence,
    )


def record(
    sealed: SealedCommand, *, fault_id: str, cause: str, sealer: Sealer, entropy: Entropy
) -> Refused:
    """Return what a fault commits: the sealed command and its entry, nothing else."""
    row = INSERT_FAULT(
        tenant_id=sealed.call.tenant_id,
        fault_id=fault_id,
        command=sealed.name,
        sequence=sealed.sequence,
        at=sealed.now,
        cause=cause[:CAUSE_LENGTH],
        sealed=sealer.seal(
            msgspec.msgpack.encode(sealed), bound_to=_binding(fault_id), entropy=entropy
        ),
    )
    entry = Entry(
        kind="command.faulted",
        subject=fault_id,
        outcome="failure",
        fields={"command": sealed.name},
    )
    return Refused(problem=FAULTED, entries=(entry,), changes=(Change(bound=row),))


def _binding(fault_id: str) -> str:
    return f"faulted_commands.sealed:{fault_id}"
