"""The fence: every transaction proves that this writer still holds its epoch. Keeps the clock."""

import datetime as dt
from collections.abc import Mapping
from typing import Final, Protocol

import sqlalchemy as sa

from service.db.statements import Bound, Statement
from service.db.store import Transaction
from service.kernel.clock import Clock
from service.unit_of_work.tables import WRITER

PASS_FENCE: Final = Statement(
    sa.update(WRITER)
    .where(
        WRITER.c.shard == sa.bindparam("of_shard"),
        WRITER.c.epoch == sa.bindparam("of_epoch"),
        # A store that lost commits, as a standby that took over too early does, is not the one
        # that this writer's memory was made from.
        WRITER.c.sequence == sa.bindparam("after"),
    )
    .values(
        sequence=WRITER.c.sequence + sa.bindparam("commands"),
        entries=WRITER.c.entries + sa.bindparam("written"),
        folded=sa.bindparam("folded_to"),
        now=sa.bindparam("at"),
    ),
    rows=1,
    name="fence",
)
WRITER_ROW: Final = Statement(
    sa.select(WRITER).where(WRITER.c.shard == sa.bindparam("shard")), name="writer row"
)
# Of a store of any version: older ones have fewer columns.
LAST_COMMIT: Final = Statement(
    sa.select(WRITER.c.now).where(WRITER.c.shard == sa.bindparam("shard")), name="last commit"
)
RAISE_EPOCH: Final = Statement(
    sa.update(WRITER)
    .where(WRITER.c.shard == sa.bindparam("of_shard"))
    .values(epoch=WRITER.c.epoch + 1),
    rows=1,
    name="raise epoch",
)
NOTE_STATE: Final = Statement(
    sa.update(WRITER)
    .where(WRITER.c.shard == sa.bindparam("of_shard"))
    .values(feature_set=sa.bindparam("now_of"), schema=sa.bindparam("in_form")),
    rows=1,
    name="note whose features the states are",
)
INSERT_WRITER: Final = Statement(sa.insert(WRITER), rows=1, name="insert writer")


class Base:
    """The numbers that the next commit counts on from."""

    __slots__ = ("entries", "sequence")

    def __init__(self, *, sequence: int, entries: int) -> None:
        self.sequence = sequence
        self.entries = entries


class Fence(Protocol):
    """Says what the next commit's numbers are, and what must be true for it to commit."""

    shard: int

    def base(self, transaction: Transaction) -> Base:
        """Return the numbers to count on from."""
        ...

    def step(self, *, commands: int, written: int, folded: int, now: dt.datetime) -> Bound:
        """Return the statement that the transaction begins with."""
        ...

    def number(self, transaction: Transaction, tenant_id: str, merchant_id: str) -> int:
        """Return a merchant's last entry number."""
        ...

    def committed(
        self, *, commands: int, written: int, numbers: Mapping[tuple[str, str], int]
    ) -> None:
        """Count on, now that the commit has happened.

        Args:
            commands: How many sequence numbers were used.
            written: How many entries were written.
            numbers: The last entry number of each merchant that got one.
        """
        ...


class WriterClock:
    """The writer's clock: never goes back, whatever is done to the system's.

    `now` is the greater of the system's clock and the last `now` plus the monotonic time since;
    so a clock set back revives no token and holds nothing up.
    """

    def __init__(self, clock: Clock, *, last: dt.datetime) -> None:
        self._clock = clock
        self._last = last
        self._last_ns = clock.monotonic_ns()

    def now(self) -> dt.datetime:
        """Return the writer's instant."""
        # The rest below a microsecond counts next time, or many looks would slow the clock.
        elapsed_us = (self._clock.monotonic_ns() - self._last_ns) // 1_000
        least = self._last + dt.timedelta(microseconds=elapsed_us)
        self._last = max(self._clock.now(), least)
        self._last_ns += elapsed_us * 1_000
        return self._last

    def monotonic_ns(self) -> int:
        """Return monotonic nanoseconds."""
        return self._clock.monotonic_ns()

    def worked_ns(self) -> int:
        """Return nanoseconds that this thread has worked."""
        return self._clock.worked_ns()
