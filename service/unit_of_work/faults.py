"""Faulted commands: sealed, so that they can be run again dry. Never shows what they held."""

import datetime as dt
import traceback
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from keys.sealing import Sealer

from service.db.statements import Bound, Row, Statement
from service.unit_of_work import schemas
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.tables import FAULTS

CAUSE_LENGTH: Final = 400
FRAMES_NAMED: Final = 3

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


def seal(sealed: SealedCommand, *, fault_id: str, sealer: Sealer, entropy: Any) -> bytes:
    """Return the command sealed and bound to its row."""
    return sealer.seal(
        msgspec.msgpack.encode(sealed), bound_to=f"faulted_commands.{fault_id}", entropy=entropy
    )


def unseal(row: Row, *, sealer: Sealer) -> SealedCommand:
    """Return the sealed command of a row.

    Raises:
        keys.sealing.NotOpened: The key is another one, or the row was changed.
    """
    plain = sealer.open(row["sealed"], bound_to=f"faulted_commands.{row['fault_id']}")
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


def write(row: dict[str, Any]) -> Bound:
    """Return the statement that stores a faulted command."""
    return INSERT_FAULT(**row)
