"""The writer's own fence: numbers counted in memory, an epoch proved in every transaction."""

import datetime as dt
from collections.abc import Mapping

from typing_extensions import override

from service.db.statements import Bound, Row
from service.db.store import Store, Transaction
from service.unit_of_work.entries import NUMBER_OF
from service.unit_of_work.fence import (
    INSERT_WRITER,
    PASS_FENCE,
    RAISE_EPOCH,
    WRITER_ROW,
    Base,
    Fence,
)


def take_over(store: Store, *, shard: int, now: dt.datetime) -> Row:
    """Raise the epoch, so that an earlier writer commits nothing more; return the writer's row.

    Raises:
        StoreUnavailable: The store could not be read or written.
    """
    [found] = store.fetch([WRITER_ROW(shard=shard)])
    transaction = store.begin()
    if not found:
        none = {"epoch": 1, "sequence": 0, "entries": 0, "folded": 0}
        first = INSERT_WRITER(shard=shard, **none, now=now, feature_set=None, schema=None)
        transaction.run([first])
    else:
        transaction.run([RAISE_EPOCH(of_shard=shard)])
    transaction.commit()
    [[row]] = store.fetch([WRITER_ROW(shard=shard)])
    return row


class MemoryFence(Fence):
    """Counts in memory from what the store said at start; right because one writer works."""

    def __init__(self, row: Row) -> None:
        self.shard: int = row["shard"]
        self._epoch: int = row["epoch"]
        self._base = Base(sequence=row["sequence"], entries=row["entries"])
        self._numbers: dict[tuple[str, str], int] = {}

    @override
    def base(self, transaction: Transaction) -> Base:
        return self._base

    @override
    def number(self, transaction: Transaction, tenant_id: str, merchant_id: str) -> int:
        owner = (tenant_id, merchant_id)
        known = self._numbers.get(owner)
        if known is None:
            rows = transaction.fetch(NUMBER_OF(tenant_id=tenant_id, merchant_id=merchant_id))
            known = rows[0]["number"] if rows else 0
        return known

    @override
    def step(self, *, commands: int, written: int, folded: int, now: dt.datetime) -> Bound:
        return PASS_FENCE(
            of_shard=self.shard,
            of_epoch=self._epoch,
            after=self._base.sequence,
            commands=commands,
            written=written,
            folded_to=folded,
            at=now,
        )

    @override
    def committed(
        self, *, commands: int, written: int, numbers: Mapping[tuple[str, str], int]
    ) -> None:
        self._base = Base(
            sequence=self._base.sequence + commands, entries=self._base.entries + written
        )
        self._numbers.update(numbers)
