"""What one entity did, by event time, as far as its plan asks. Never reads a clock; never guesses.

A read is exact, or it says why it is not known. risk/windows.py defines a window, risk/plan.py
what is kept. Weighted means run in the order in which payments came to us: each new amount has
the weight `NEW_WEIGHT`, all before it the rest.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Self, get_args

import msgspec

from risk.compiled import Reader, compiled_adds
from risk.frauds import FRAUDS_MAX, Frauds, Said
from risk.history import Seen, keyed
from risk.packed import pack_series, unpack_series
from risk.packed_state import SCHEMA, UPCASTERS, Head, Packed, upcast
from risk.plan import EVERY_WINDOW, Plan, Reads, Want, make_reads, places_of
from risk.reading import Asked, Unknown, fill, read_tier
from risk.series import Series
from risk.windows import TIERS, second_of, tier_of

# An entity seen in more currencies than this is none that we can sum; the rest is unknown.
CURRENCIES_MAX: Final = 8
# A power of two, so that a weight is exact.
NEW_WEIGHT: Final = 0.125
# Fewer amounts than this say nothing about what is normal.
NORMAL_FROM: Final = 3
RATIO_MAX: Final = 1_000_000

_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_NOT_SAID: Final[Mapping[Unknown, None]] = dict.fromkeys(get_args(Unknown))


class EntityState:
    """What one payer, device, payee or other entity did: buckets, times and amounts.

    Example:
        >>> noon = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
        >>> state = EntityState()
        >>> state.add(noon, 9_900, "CNY")
        >>> state.count(noon, 60), state.sum(noon, 3_600, "CNY"), state.sum(noon, 60, "JPY")
        (1, 9900, 0)

    Attributes:
        plan: What is kept.
        series: One for each of its tiers.
        currencies: Those that have a place.
        times: The first and the newest second.
        amounts: Currency -> how many amounts, their weighted mean, their weighted variance.
            Replaced, never changed.
        has_other_currencies: A currency came that had no place; sums of absent ones are unknown.
        places: Where the series of each tier stands.
        add_to: Adds to all series of the plan.
        frauds: What labels say; None until one comes. Replaced, never changed.
    """

    # No msgspec.Struct: to set an attribute of one costs eight times as much.
    __slots__ = (
        *("add_to", "amounts", "currencies", "frauds", "has_other_currencies", "places", "plan"),
        *("series", "times"),
    )

    def __init__(self, plan: Plan = EVERY_WINDOW) -> None:
        self.plan = plan
        self.series = tuple(Series(tier) for tier in plan.tiers)
        self.currencies: frozenset[str] = frozenset()
        self.times: tuple[int, int] | None = None
        self.amounts: dict[str, tuple[int, float, float]] = {}
        self.has_other_currencies = False
        self.places = places_of(plan)
        self.add_to = compiled_adds(plan)
        self.frauds: Frauds | None = None

    def add(
        self,
        at: dt.datetime,
        amount_minor: int,
        currency: str,
        is_declined: bool | None = None,  # noqa: FBT001  as states of every kind take it
        others: Mapping[str, str] = _NOBODY,
    ) -> None:
        """Count one payment in the bucket of its own time, where that bucket is still kept.

        Args:
            at: Aware event time.
            amount_minor: 0 or more.
            currency: ISO 4217 code.
            is_declined: What we said; None where that is not known.
            others: Kind -> key of the payment's other entities.

        Raises:
            ValueError: The amount is negative; a window of sums would no longer only grow.
        """
        if amount_minor < 0:
            raise ValueError("an amount is 0 or more")
        second = second_of(at)
        plan = self.plan
        held: str | None = None
        if plan.has_money:
            held = currency if currency in self.currencies else self._place_for(currency)
        kinds = plan.kinds
        values = {kind: keyed(others[kind]) for kind in kinds if kind in others} if kinds else {}
        seen = Seen(amount_minor, held, is_declined, values)
        self.add_to(self.series, second, seen)
        if plan.has_times:
            first, last = self.times or (second, second)
            self.times = (min(first, second), max(last, second))
        if plan.has_amounts and held is not None:
            self._weigh(float(amount_minor), held)

    def tell(
        self, at: dt.datetime, payment: str, said: Iterable[tuple[int, bool]], *, was_normal: bool
    ) -> None:
        """Take all that labels say of a payment of this entity; see risk/frauds.py.

        Args:
            at: Event time of the payment.
            payment: Its id.
            said: When each label became known, and whether it says fraud; in that order.
            was_normal: Whether its amount was normal for its payer.
        """
        if self.plan.has_labels:
            frauds = self.frauds.copy() if self.frauds else Frauds()
            found = (Said(*one) for one in said)
            frauds.tell(payment, second_of(at), found, was_normal=was_normal)
            self.frauds = frauds

    def count(self, at: dt.datetime, window_s: int) -> int | None:
        """Return the number of payments in the window that ends with `at`; None where unknown."""
        return self._one(Want(0, "count", window_s, None), at, "")

    def sum(self, at: dt.datetime, window_s: int, currency: str) -> int | None:
        """Return the sum in minor units of one currency in the window; None where unknown."""
        return self._one(Want(0, "sum", window_s, None), at, currency)

    def read(self, reads: Reads, asked: Asked, reader: Reader | None = None) -> None:
        """Write the values that are asked for into their places.

        Args:
            reads: What to read; one that the state does not keep is `not_loaded`.
            asked: The payment they are read for.
            reader: The same reads, compiled; used where they are for the plan of the state.
        """
        is_unsummed = self.has_other_currencies and asked.currency not in self.currencies
        if reader is not None and reader.plan is self.plan:
            reader.read(self.series, asked, is_unsummed)
        else:
            for tier in reads.tiers:
                place = self.places[tier.place]
                if place is None:
                    for window in tier.windows:
                        fill(window.slots, "not_loaded", asked)
                else:
                    read_tier(self.series[place], tier, asked, is_unsummed=is_unsummed)
        for want in reads.labels:
            known = self._of_labels(want, asked.second)
            asked.into[want.slot] = asked.missing[known] if isinstance(known, str) else known
        if reads.scalars:
            self._read_scalars(reads.scalars, asked)

    def copy(self) -> Self:
        """Return an equal state that shares nothing that changes."""
        other = self.__class__.__new__(self.__class__)
        other.plan = self.plan
        other.series = tuple([series.copy() for series in self.series])
        other.currencies = self.currencies
        other.times = self.times
        other.amounts = self.amounts
        other.has_other_currencies = self.has_other_currencies
        other.places = self.places
        other.add_to = self.add_to
        other.frauds = self.frauds
        return other

    def pack(self) -> bytes:
        """Return the state as bytes that every later version reads; equal states pack equal."""
        return msgspec.msgpack.encode(
            Packed(
                SCHEMA,
                self.has_other_currencies,
                sorted(self.currencies),
                [pack_series(series) for series in self.series],
                list(self.times or ()),
                {currency: self.amounts[currency] for currency in sorted(self.amounts)},
                self.frauds.packed() if self.frauds else [],
            )
        )

    @classmethod
    def unpack(cls, packed: bytes, plan: Plan = EVERY_WINDOW) -> Self:
        """Return the state that `pack` wrote under the same plan, in this or any earlier version.

        Raises:
            ValueError: Not a packed state, from a later version, or of another plan.
        """
        schema = msgspec.msgpack.decode(packed, type=Head).schema
        if schema == SCHEMA:
            body = msgspec.msgpack.decode(packed, type=Packed)
        else:
            raw = upcast(msgspec.msgpack.decode(packed), to=SCHEMA, upcasters=UPCASTERS)
            body = msgspec.convert(raw, type=Packed)
        if len(body.series) != len(plan.tiers):
            raise ValueError("a packed state has one series per tier")
        state = cls(plan)
        state.series = tuple(
            unpack_series(series, tier)
            for series, tier in zip(body.series, plan.tiers, strict=True)
        )
        state.currencies = frozenset(body.currencies)
        state.times = (body.times[0], body.times[1]) if body.times else None
        state.amounts = body.amounts
        state.has_other_currencies = body.has_other_currencies
        state.frauds = Frauds.unpacked(body.frauds) if body.frauds else None
        return state

    @property
    def size_bytes(self) -> int:
        """Return about how much memory the state takes, for the writer's limit."""
        kept = sum(series.size_bytes for series in self.series)
        labels = self.frauds.size_bytes if self.frauds else 0
        return 200 + kept + labels + 250 * len(self.amounts)

    def _one(self, want: Want, at: dt.datetime, currency: str) -> int | None:
        into: list[Any] = [None]
        self.read(make_reads([want]), Asked(second_of(at), currency, 0, {}, into, _NOT_SAID))
        found: int | None = into[0]
        return found

    def _of_labels(self, want: Want, second: int) -> int | Unknown:
        """Return how many payments were known as fraud, or their share of all."""
        tier = tier_of(want.window_s)
        place, bucket_s = self.places[tier], TIERS[tier].bucket_s
        if place is None or not self.plan.has_labels:
            return "not_loaded"
        last = second // bucket_s
        end = (last + 1) * bucket_s
        span = self.series[place].span(last + 1 - want.window_s // bucket_s, last)
        only_normal = want.aggregate == "unexplained_fraud_count"
        count, is_all = 0, True
        if self.frauds:
            first = end - want.window_s
            count, is_all = self.frauds.count(first, end, at=second, only_normal=only_normal)
        is_share = want.aggregate == "fraud_share"
        is_known = is_all or (not is_share and count > FRAUDS_MAX)
        if span is None or not is_known:
            return "outside_kept_range"
        if not is_share:
            return min(count, FRAUDS_MAX + 1)
        whole = self.series[place].count_in(span)
        return 1_000 * count // whole if whole else "no_history"

    def _read_scalars(self, wants: tuple[Want, ...], asked: Asked) -> None:
        into, missing = asked.into, asked.missing
        normal = self._normal(asked.currency)
        for want in wants:
            found: int | Unknown
            aggregate = want.aggregate
            if aggregate in {"since_last", "since_first"}:
                found = self._since(asked.second, is_last=aggregate == "since_last")
            elif isinstance(normal, str):
                found = normal
            elif aggregate == "to_normal":
                found = int(min(1_000.0 * asked.amount_minor / normal[0], RATIO_MAX))
            else:
                found = int((normal[0] if aggregate == "mean" else math.sqrt(normal[1])) + 0.5)
            into[want.slot] = missing[found] if isinstance(found, str) else found

    def _normal(self, currency: str) -> tuple[float, float] | Unknown:
        """Return the weighted mean, above 0, and variance of the amounts of a currency."""
        known = self.amounts.get(currency)
        if known is None:
            if not self.plan.has_amounts:
                return "not_loaded"
            return "outside_kept_range" if self.has_other_currencies else "no_history"
        count, mean, variance = known
        return "no_history" if count < NORMAL_FROM or mean <= 0 else (mean, variance)

    def _since(self, second: int, *, is_last: bool) -> int | Unknown:
        if self.times is None:
            return "no_history" if self.plan.has_times else "not_loaded"
        since = second - self.times[is_last]
        return max(since, 0)

    def _weigh(self, amount: float, currency: str) -> None:
        known = self.amounts.get(currency)
        if known is None:
            self.amounts = {**self.amounts, currency: (1, amount, 0.0)}
            return
        count, mean, variance = known
        by = amount - mean
        part = NEW_WEIGHT * by
        variance = (1.0 - NEW_WEIGHT) * (variance + part * by)
        self.amounts = {**self.amounts, currency: (count + 1, mean + part, variance)}

    def _place_for(self, currency: str) -> str | None:
        if currency in self.currencies:
            return currency
        if len(self.currencies) < CURRENCIES_MAX:
            self.currencies |= {currency}
            return currency
        self.has_other_currencies = True
        return None
