"""A writer that ends, or stops, itself at a named point of a commit.

Run as `python -m tests.support.mortal_writer`. PAYGUARD_TEST_DIES_AT names the point: `begun` (the
transaction is open), `run` (every statement has run), `committed` (the commit is on disk, memory
does not know), `told` (memory knows, nobody was answered). PAYGUARD_TEST_DIES_AFTER says at which
of its commits; PAYGUARD_TEST_DIES_BY by which signal, SIGKILL unless told.
"""

import os
import signal
import sys
from collections.abc import Sequence

from typing_extensions import override

from service.db.statements import Bound, Row
from service.db.store import Store, Transaction
from service.unit_of_work.entries import INSERT_ENTRY
from service.unit_of_work.ports import BatchObserver
from tests.support.composed_writer import seam, serve

POINTS = ("begun", "run", "committed", "told")


class Death:
    """Comes when a point has been passed so many times."""

    def __init__(self, *, at: str, after: int, by: int) -> None:
        self._at = at
        self._left = after
        self._by = by

    def may_come(self, point: str) -> None:
        """Pass a point."""
        if point == self._at:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._by)


class MortalTransaction(Transaction):
    """A transaction that may be the last."""

    def __init__(self, within: Transaction, death: Death) -> None:
        self._within = within
        self._death = death
        self._has_commands = False

    @override
    def fetch(self, read: Bound) -> list[Row]:
        return self._within.fetch(read)

    @override
    def run(self, steps: Sequence[Bound]) -> None:
        self._within.run(steps)
        # Every command leaves an entry; what is written back while nobody waits does not.
        self._has_commands = any(step.statement is INSERT_ENTRY for step in steps)
        if self._has_commands:
            self._death.may_come("run")

    @override
    def commit(self) -> None:
        self._within.commit()
        if self._has_commands:
            self._death.may_come("committed")

    @override
    def rollback(self) -> None:
        self._within.rollback()


class MortalStore(Store):
    """A store during one of whose transactions the process ends."""

    def __init__(self, within: Store, death: Death) -> None:
        self._within = within
        self._death = death

    @override
    def fetch(self, reads: Sequence[Bound]) -> list[list[Row]]:
        return self._within.fetch(reads)

    @override
    def begin(self) -> Transaction:
        transaction = self._within.begin()
        self._death.may_come("begun")
        return MortalTransaction(transaction, self._death)

    @override
    def close(self) -> None:
        self._within.close()


class MortalObserver(BatchObserver):
    """Told after a commit, before anybody is answered."""

    def __init__(self, death: Death) -> None:
        self._death = death

    @override
    def waiting(self, commands: int) -> None:
        self._death.may_come("told")


def main() -> int:
    """Run the writer."""
    death = Death(
        at=seam("DIES_AT"),
        after=int(seam("DIES_AFTER", "0")),
        by=int(seam("DIES_BY", str(signal.SIGKILL.value))),
    )
    return serve(store=lambda file: MortalStore(file, death), observer=MortalObserver(death))


if __name__ == "__main__":
    sys.exit(main())
