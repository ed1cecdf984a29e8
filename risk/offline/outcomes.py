"""What the payments of a history turned out to be, and since when that is known. Pure."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.offline.columns import ABSENT, Labels

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
# The first is no fraud; each other one may have a head of its own.
INTENTS: Final = ("normal", "unauthorized", "scam", "first_party")
HEADS: Final = INTENTS[1:]
# Labels of so many frauds have come when a payment without one is taken for normal.
USUAL_SHARE: Final = 0.9


class Outcomes(NamedTuple):
    """One element for each payment of a history.

    Attributes:
        intent: Place in INTENTS; `ABSENT` where nobody said anything.
        known: When it became known, whole seconds since 1970; anything where nobody said it.
    """

    intent: Ints
    known: Ints

    @property
    def is_told(self) -> Flags:
        """Where somebody said what the payment was."""
        return np.not_equal(self.intent, ABSENT)

    @property
    def fraud(self) -> Flags:
        """Where it was fraud of any kind."""
        return np.greater(self.intent, 0)

    def of(self, head: str) -> Flags:
        """Return where it was fraud of one kind."""
        return np.equal(self.intent, INTENTS.index(head))

    def of_rows(self, rows: Ints) -> "Outcomes":
        """Return those of some payments."""
        return Outcomes(self.intent[rows], self.known[rows])

    def told_apart(self, head: str) -> tuple[Ints, Flags]:
        """Return the rows that one head is made of, and which of them were fraud of its kind.

        It tells its kind from normal payments: other harm is nobody's example here.
        """
        own = self.of(head)
        rows = np.flatnonzero(own | ~self.fraud)
        return rows, own[rows]

    def pending(self, second: Ints, *, share: float = USUAL_SHARE) -> int:
        """Return within how many seconds that share of the frauds became known; 0 without any."""
        fraud = self.fraud
        if not fraud.any():
            return 0
        return int(np.quantile(self.known[fraud] - second[fraud], share, method="higher"))

    def since(self, second: Ints) -> Ints:
        """Return when it was known of each payment what it was.

        Nobody tells of most that they were normal: it is known once fraud would have been told.

        Args:
            second: Event times.
        """
        return np.where(self.is_told, self.known, second + self.pending(second))

    def until(self, second: int) -> "Outcomes":
        """Return what was known at an instant."""
        return self._replace(intent=np.where(self.known <= second, self.intent, ABSENT))

    def after(self, delay_s: int, second: Ints) -> "Outcomes":
        """Return the same, known so long after each payment.

        Args:
            delay_s: How long after.
            second: Event times.
        """
        return self._replace(known=second + delay_s)

    def at_earliest(self, delay_s: int, second: Ints) -> "Outcomes":
        """Return the same, known when it was, and so long after each payment at the earliest."""
        return self._replace(known=np.maximum(self.known, second + delay_s))

    def labels(self, second: Ints) -> Labels:
        """Return labels as features over columns read them, in the order of telling.

        Args:
            second: Event times, which rise: what becomes known at the moment of a payment was not
                known before it.
        """
        told = np.flatnonzero(self.is_told)
        row = told[np.argsort(self.known[told], kind="stable")]
        # Nothing is told of a payment before it came.
        known = np.maximum(self.known[row], second[row])
        after = np.maximum(np.searchsorted(second, known, side="right"), row + 1)
        return Labels(row, after.astype(np.int64), known, self.fraud[row].astype(np.int64))
