"""What labels say of the payments of an entity, and since when that is known. No clock.

What a payment turned out to be is what the label says that became known last. Payments of which a
label ever said fraud are kept apart from those that nobody ever doubted, of which it is enough to
know since when: so a thousand honest payments push no fraud out of memory.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from risk.history import keyed
from risk.known import NEVER, Known, make_known

# So many payments of each sort an entity keeps, the newest: enough that a count above
# `risk.known.FRAUDS_MAX` is still known when some of them are not of the kind that is counted.
KEPT_MAX: Final = 256
# Of one payment so many labels are kept, those that became known last.
SAID_MAX: Final = 8


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

    def is_fraud(self, second: int) -> bool | None:
        """Say what was known at an event time; None for nothing."""
        for one in reversed(self.said):
            if one.known_second <= second:
                return one.is_fraud
        return None


class Frauds:
    """Labelled payments of one entity. Never changed once it was read: told again, it is copied."""

    __slots__ = (
        *("_known", "_normal_floor", "_normal_keys", "_normal_known"),
        *("_normal_paid", "_floor", "_last_known", "_payments"),
    )

    def __init__(self) -> None:
        # Of these a label said at least once that they are fraud.
        self._payments: dict[int, _Labelled] = {}
        # Payments of this second and before were let go; `NEVER` for none.
        self._floor = NEVER
        # Of these every label says that they are normal: in the order of their times.
        self._normal_paid = array("q")
        self._normal_keys = array("Q")
        self._normal_known = array("q")
        self._normal_floor = NEVER
        # From then on nothing more becomes known, until more is told.
        self._last_known = NEVER
        self._known: Known | None = None

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
        key, told = keyed(payment), tuple(said)[-SAID_MAX:]
        self._known = None
        self._last_known = max(self._last_known, told[-1].known_second)
        if key not in self._payments and not any(one.is_fraud for one in told):
            self._tell_normal(key, paid_second, told[0].known_second)
            return
        self._forget_normal(key, paid_second)
        if paid_second <= self._floor and key not in self._payments:
            return
        self._payments[key] = _Labelled(paid_second, was_normal, told)
        if len(self._payments) > KEPT_MAX:
            oldest = min(self._payments, key=lambda one: (self._payments[one].paid_second, one))
            self._floor = max(self._floor, self._payments.pop(oldest).paid_second)

    def miss(self, paid_second: int) -> None:
        """Take note that undoubted payments up to a time may have labels that are not told here."""
        self._known = None
        self._normal_floor = max(self._normal_floor, paid_second)
        gone = bisect_right(self._normal_paid, self._normal_floor)
        for column in (self._normal_paid, self._normal_keys, self._normal_known):
            del column[:gone]

    def known(self, at: int) -> Known:
        """Return what was known at an event time."""
        if at < self._last_known:
            return self._make_known(at)
        if self._known is None:
            self._known = self._make_known(at)
        return self._known

    def copy(self) -> Self:
        """Return an equal one that shares nothing that changes."""
        other = self.__class__()
        other._payments, other._floor = self._payments.copy(), self._floor  # noqa: SLF001  its own
        other._normal_paid = self._normal_paid[:]  # noqa: SLF001  its own
        other._normal_keys = self._normal_keys[:]  # noqa: SLF001  its own
        other._normal_known = self._normal_known[:]  # noqa: SLF001  its own
        other._normal_floor = self._normal_floor  # noqa: SLF001  its own
        other._last_known = self._last_known  # noqa: SLF001  its own
        return other

    def packed(self) -> list[list[int]]:
        """Return it as lists of numbers: floors, undoubted payments, then each other payment.

        Equal ones are equal; whatever is not there is an empty list.
        """
        rows = [
            [
                key,
                one.paid_second,
                int(one.was_normal),
                *(int(part) for said in one.said for part in said),
            ]
            for key, one in sorted(self._payments.items())
        ]
        normals = [self._normal_keys, self._normal_paid, self._normal_known]
        return [
            [] if self._floor == NEVER else [self._floor],
            [] if self._normal_floor == NEVER else [self._normal_floor],
            *(column.tolist() for column in normals),
            *rows,
        ]

    @classmethod
    def unpacked(cls, rows: list[list[int]]) -> Self:
        """Return what `packed` returned."""
        found = cls()
        floor, normal_floor, keys, paid_seconds, known_seconds, *payments = rows
        found._floor = floor[0] if floor else NEVER
        found._normal_floor = normal_floor[0] if normal_floor else NEVER
        found._normal_keys = array("Q", keys)
        found._normal_paid = array("q", paid_seconds)
        found._normal_known = array("q", known_seconds)
        last = max(known_seconds, default=NEVER)
        for key, paid_second, was_normal, *parts in payments:
            said = tuple(
                Said(known, bool(is_fraud))
                for known, is_fraud in zip(parts[::2], parts[1::2], strict=True)
            )
            found._payments[key] = _Labelled(paid_second, bool(was_normal), said)
            last = max(last, said[-1].known_second)
        found._last_known = last
        return found

    @property
    def size_bytes(self) -> int:
        """Return about how much memory it takes, with what is kept ready for a read."""
        return 900 + 500 * len(self._payments) + 40 * len(self._normal_paid)

    def _make_known(self, at: int) -> Known:
        frauds, genuine = [], []
        for one in self._payments.values():
            is_fraud = one.is_fraud(at)
            if is_fraud:
                frauds.append((one.paid_second, one.was_normal))
            elif is_fraud is not None:
                genuine.append(one.paid_second)
        if at >= self._last_known:
            genuine += self._normal_paid
        else:
            told = zip(self._normal_paid, self._normal_known, strict=True)
            genuine += [paid for paid, known in told if known <= at]
        return make_known(frauds, genuine, floor=self._floor, normal_floor=self._normal_floor)

    def _place_of(self, key: int, paid_second: int) -> tuple[int, bool]:
        """Return where an undoubted payment stands or would stand, and whether it does."""
        paid, keys = self._normal_paid, self._normal_keys
        place = bisect_left(paid, paid_second)
        while place < len(paid) and paid[place] == paid_second and keys[place] < key:
            place += 1
        is_there = place < len(paid) and (paid[place], keys[place]) == (paid_second, key)
        return place, is_there

    def _tell_normal(self, key: int, paid_second: int, known_second: int) -> None:
        place, is_there = self._place_of(key, paid_second)
        if is_there:
            self._normal_known[place] = known_second
            return
        if paid_second <= self._normal_floor:
            return
        self._normal_paid.insert(place, paid_second)
        self._normal_keys.insert(place, key)
        self._normal_known.insert(place, known_second)
        if len(self._normal_paid) > KEPT_MAX:
            self._normal_floor = max(self._normal_floor, self._normal_paid.pop(0))
            self._normal_keys.pop(0)
            self._normal_known.pop(0)

    def _forget_normal(self, key: int, paid_second: int) -> None:
        place, is_there = self._place_of(key, paid_second)
        if is_there:
            for column in (self._normal_paid, self._normal_keys, self._normal_known):
                column.pop(place)
