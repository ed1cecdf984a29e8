"""One of several writers on the same file: no lock that the others see, no epoch.

Run as `python -m tests.support.unfenced_writer`; PAYGUARD_TEST_WITHOUT names the guards that are
taken out as well, such as `spend payment token.state`, to show what they are for.
"""

import datetime as dt
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import sqlalchemy as sa
from typing_extensions import override

from service.db.statements import Bound, Row, Statement
from service.db.store import Transaction
from service.rooms.assessments import store as assessments
from service.rooms.assessments.tables import EXEMPTION_COUNTERS
from service.rooms.payments import store as payments
from service.unit_of_work.entries import NUMBER_OF
from service.unit_of_work.fence import PASS_FENCE, WRITER_ROW, Base, Fence
from service.unit_of_work.handlers import Context, Handler, View
from service.unit_of_work.outcome import Accepted, Change, Outcome
from service.writer.lock import WriterLock
from tests.support.composed_writer import seam, serve
from tests.support.guards import without

GUARDED: Final = (payments.SPEND_TOKEN, payments.SAVE_PAYMENT)
# Counts whatever has been counted before: written as text, so its guard is cut off as text.
# On PostgreSQL as on SQLite one writer's transaction is over before another's reads its numbers.
LOCKED_ROW: Final = Statement(WRITER_ROW.construct.with_for_update(), name="writer row, locked")
COUNTS_ON: Final = Statement(
    sa.text(
        assessments.COUNT_EXEMPTION.construct.text.partition(" WHERE exemption_counters.count")[0]
    ).bindparams(*assessments._typed(EXEMPTION_COUNTERS, "count", "amount_minor")),
    rows=1,
    name="count exemption without count",
)


class NoFence(Fence):
    """Takes every number from the store, inside the transaction; lets any writer commit."""

    def __init__(self, row: Row) -> None:
        self.shard: int = row["shard"]
        self._epoch: int = row["epoch"]
        self._after: int = row["sequence"]

    @override
    def base(self, transaction: Transaction) -> Base:
        [row] = transaction.fetch(LOCKED_ROW(shard=self.shard))
        self._epoch, self._after = row["epoch"], row["sequence"]
        return Base(sequence=row["sequence"], entries=row["entries"])

    @override
    def number(self, transaction: Transaction, tenant_id: str, merchant_id: str) -> int:
        rows = transaction.fetch(NUMBER_OF(tenant_id=tenant_id, merchant_id=merchant_id))
        return rows[0]["number"] if rows else 0

    @override
    def step(self, *, commands: int, written: int, folded: int, now: dt.datetime) -> Bound:
        # The row that this very transaction has read: it fences nobody off.
        return PASS_FENCE(
            of_shard=self.shard,
            of_epoch=self._epoch,
            after=self._after,
            commands=commands,
            written=written,
            folded_to=folded,
            at=now,
        )

    @override
    def committed(
        self, *, commands: int, written: int, numbers: Mapping[tuple[str, str], int]
    ) -> None:
        """Remember nothing: others count as well."""


class Unguarded:
    """Puts mutants of statements, each without one guard, into what handlers return."""

    def __init__(self, guards: Iterable[str]) -> None:
        named = {statement.name: statement for statement in GUARDED}
        self._mutants: dict[Statement, Statement] = {}
        for guard in guards:
            name, _, column = guard.rpartition(".")
            if name == assessments.COUNT_EXEMPTION.name:
                self._mutants[assessments.COUNT_EXEMPTION] = COUNTS_ON
            else:
                self._mutants[named[name]] = without(named[name], column)

    def handlers(self, handlers: Iterable[Handler]) -> Iterator[Handler]:
        """Yield the same handlers, whose changes have lost the guards."""
        for handler in handlers:
            yield replace(handler, run=self._around(handler))

    def _around(self, handler: Handler) -> Any:
        def run(view: View, command: Any, ctx: Context) -> Outcome:
            outcome = handler.run(view, command, ctx)
            if isinstance(outcome, Accepted):
                return replace(outcome, changes=tuple(map(self._mutated, outcome.changes)))
            return outcome

        return run

    def _mutated(self, change: Change) -> Change:
        bound = change.bound
        mutant = self._mutants.get(bound.statement)
        return change if mutant is None else replace(change, bound=mutant(**bound.values))


def main() -> int:
    """Run the writer."""
    guards = [one for one in seam("WITHOUT").split(",") if one]
    return serve(
        fence=NoFence,
        handlers=Unguarded(guards).handlers,
        lock=lambda settings: WriterLock(settings.lock_file),
    )


if __name__ == "__main__":
    sys.exit(main())
