"""Which payments of an entity turned out to be fraud, and since when that is known. No clock.

A label counts in the bucket of its payment's time, for payments whose event time is not before the
label became known. What a payment turned out to be is what the label says that became known last.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from risk.history import keyed

# A count above this says only that it is more.
FRAUDS_MAX: Final = 64
# So many payments an entity keeps, the newest: enough that a count above `FRAUDS_MAX` is still
# known when some of them are not of the kind that is counted.
KEPT_MAX: Final = 256
# Of one payment so many labels are kept, those that became known last.
SAID_MAX: Final = 8
# An amount of at most twice what is normal for its payer; such fraud is unexplained by the amount.
NORMAL_MAX_MILLI: Final = 2_000


class Said(NamedTuple):
    """What one label says.

    Attributes:
        known_second: When it became known, whole seconds since 1970.
        is_fraud: Whether its intent is any but normal.
    """

    known_second: int
    is_fraud: bool


class _Labelled(NamedTuple):
    paid_second: int
    was_normal: bool
    said: tuple[Said, ...]

    def is_fraud(self, second: int) -> bool:
        """Say what was known at an event time."""
        for one in reversed(self.said):
            if one.known_second <= second:
                return one.is_fraud
        return False


class Frauds:
    """Payments of one entity of which a label ever said that they are fraud."""

    __slots__ = ("_floor", "_payments")

    def __init__(self) -> None:
        self._payments: dict[int, _Labelled] = {}
        # Payments of this second and before were let go.
        self._floor: int | None = None

    def tell(
        self, payment: str, paid_second: int, said: Iterable[Said], *, was_normal: bool
    ) -> None:
        """Take all that labels say of one payment, in place of what they said before.

        Args:
            payment: Its id.
            paid_second: Its event time.
            said: In the order in which they became known; of one time, as they were told.
            was_normal: Whether its amount was normal for its payer.
        """
        key = keyed(payment)
        is_gone = self._floor is not None and paid_second <= self._floor
        if is_gone and key not in self._payments:
            return
        self._payments[key] = _Labelled(paid_second, was_normal, tuple(said)[-SAID_MAX:])
        if len(self._payments) > KEPT_MAX:
            oldest = min(self._payments, key=lambda one: (self._payments[one].paid_second, one))
            gone = self._payments.pop(oldest).paid_second
            self._floor = gone if self._floor is None else max(self._floor, gone)

    def count(self, first: int, end: int, *, at: int, only_normal: bool) -> tuple[int, bool]:
        """Return how many payments from first to before end were known as fraud.

        Args:
            first: Second from which payments count.
            end: Second from which they no more do.
            at: Event time at which it is asked.
            only_normal: Only those whose amount was normal.

        Returns:
            The count, and whether it is all of them: False where some were let go.
        """
        count = sum(
            first <= one.paid_second < end
            and (one.was_normal or not only_normal)
            and one.is_fraud(at)
            for one in self._payments.values()
        )
        return count, self._floor is None or self._floor < first

    def copy(self) -> Self:
        """Return an equal one that shares nothing that changes."""
        other = self.__class__()
        other._payments, other._floor = self._payments.copy(), self._floor  # noqa: SLF001  its own
        return other

    def packed(self) -> list[list[int]]:
        """Return it as lists of numbers: the floor, then each payment; equal ones are equal."""
        rows = [
            [
                key,
                one.paid_second,
                int(one.was_normal),
                *(int(part) for said in one.said for part in said),
            ]
            for key, one in sorted(self._payments.items())
        ]
        return [[] if self._floor is None else [self._floor], *rows]

    @classmethod
    def unpacked(cls, rows: list[list[int]]) -> Self:
        """Return what `packed` returned."""
        found = cls()
        [floor, *payments] = rows
        found._floor = floor[0] if floor else None
        for key, paid_second, was_normal, *parts in payments:
            said = tuple(
                Said(known, bool(is_fraud))
                for known, is_fraud in zip(parts[::2], parts[1::2], strict=True)
            )
            found._payments[key] = _Labelled(paid_second, bool(was_normal), said)
        return found

    @property
    def size_bytes(self) -> int:
        """Return about how much memory it takes."""
        return 300 + 400 * len(self._payments)
