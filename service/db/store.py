"""What a store promises to the unit of work, whichever database is behind it. Holds no SQL."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from service.db.statements import Bound, Row


class StoreUnavailable(Exception):  # noqa: N818  a state of the world, not our mistake
    """The store refused or could not be reached; nothing was committed."""


class RolesUnfit(StoreUnavailable):
    """The roles of a database cannot keep its rows apart; the text says what to do."""


class GuardFailed(Exception):  # noqa: N818  the expected answer of a guarded statement
    """A change did not touch the rows that it must touch; the transaction is rolled back.

    Attributes:
        step: Place of the change in the sequence that was given.
        reason: Short text for the log: the statement's name, and what was seen.
    """

    def __init__(self, step: int, reason: str) -> None:
        super().__init__(f"step {step}: {reason}")
        self.step = step
        self.reason = reason


class NotReadable(Exception):  # noqa: N818  names the mistake
    """Some reads cannot be run with the values they were given; the store itself is well.

    Attributes:
        reasons: For each such read's place in the sequence that was given, a text for the log
            that holds no value.
    """

    def __init__(self, reasons: Mapping[int, str]) -> None:
        super().__init__("; ".join(reasons.values()))
        self.reasons = reasons


class CommitUnknown(Exception):  # noqa: N818  a state of the world, not our mistake
    """The database did not say whether the commit happened; only a restart can tell."""


class Transaction(Protocol):
    """One open transaction of the writer."""

    def fetch(self, read: Bound) -> list[Row]:
        """Return a read's rows inside the transaction.

        Raises:
            StoreUnavailable: The store could not be read.
            NotReadable: The read's values do not fit it.
        """
        ...

    def run(self, steps: Sequence[Bound]) -> None:
        """Run every step and check the rows that each touched; roll back when one fails.

        Raises:
            GuardFailed: A step touched another number of rows, or broke a constraint.
            StoreUnavailable: The store could not run them.
        """
        ...

    def commit(self) -> None:
        """Commit; when it returns, what was written lasts.

        Raises:
            StoreUnavailable: The commit was refused; nothing was committed.
            CommitUnknown: Nobody knows.
        """
        ...

    def rollback(self) -> None:
        """Leave nothing behind."""
        ...


class Store(Protocol):
    """The writer's connection to the database."""

    def fetch(self, reads: Sequence[Bound]) -> list[list[Row]]:
        """Return the rows of all reads, in their order, in one round trip.

        Raises:
            StoreUnavailable: The store could not be read.
            NotReadable: Some reads' values do not fit them; all of those are named.
        """
        ...

    def begin(self) -> Transaction:
        """Open a transaction that may write.

        Raises:
            StoreUnavailable: It could not be opened.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
