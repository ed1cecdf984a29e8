"""What one entity did, by event time, as far as its plan asks. Never reads a clock; never guesses.

A read is exact, or it says why it is not known. risk/windows.py defines a window, risk/plan.py
what is kept. Weighted means run in the order in which payments came to us: each new amount has
the weight `NEW_WEIGHT`, all before it the rest.
"""

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Literal, Self

import msgspec

from risk.frauds import FRAUDS_MAX, Frauds, Said
from risk.packed_state import SCHEMA, UPCASTERS, Head, Packed, upcast
from risk.plan import EVERY_WINDOW, OF_LABELS, Plan, Reads, Want
from risk.series import NONE_SEEN, Seen, Series, keyed, pack_series, unpack_series
from risk.windows import TIERS, second_of, tier_of

# An entity seen in more currencies than this is none that we can sum; the rest is unknown.
CURRENCIES_MAX: Final = 8
# A power of two, so that a weight is exact.
NEW_WEIGHT: Final = 0.125
# Fewer amounts than this say nothing about what is normal.
NORMAL_FROM: Final = 3
RATIO_MAX: Final = 1_000_000

Unknown = Literal["not_loaded", "outside_kept_range", "no_history"]
_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


class EntityState:
    """What one payer, device, payee or other entity did: buckets, times and amounts.

    Example:
        >>> noon = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
        >>> state = EntityState()
        >>> state.add(noon, 9_900, "CNY")
        >>> state.count(noon, 60), state.sum(noon, 3_600, "CNY"), state.sum(noon, 60, "JPY")
        (1, 9900, 0)
    """

    __slots__ = (
        *("_amounts", "_currencies", "_frauds", "_has_other_currencies", "_plan", "_series"),
        "_times",
    )

    def __init__(
        self,
        plan: Plan = EVERY_WINDOW,
        *,
        series: tuple[Series, ...] | None = None,
        currencies: frozenset[str] = frozenset(),
        times: tuple[int, int] | None = None,
        amounts: dict[str, tuple[int, float, float]] | None = None,
        frauds: Frauds | None = None,
    ) -> None:
        self._plan = plan
        self._series = series or tuple(Series(tier.of) for tier in plan.tiers)
        self._currencies = currencies
        # Set once a currency came that had no place; sums of absent currencies are then unknown.
        self._has_other_currencies = False
        self._times = times
        # Currency -> how many amounts, their weighted mean, their weighted variance.
        self._amounts = amounts or {}
        # None until a label comes: most entities never have one.
        self._frauds = frauds

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
        if self._plan.has_labels:
            self._frauds = self._frauds or Frauds()
            found = (Said(*one) for one in said)
            self._frauds.tell(payment, second_of(at), found, was_normal=was_normal)

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
        plan = self._plan
        held = self._place_for(currency) if plan.has_money else None
        values = {kind: keyed(others[kind]) for kind in plan.kinds if kind in others}
        seen = Seen(amount_minor, held, is_declined, values)
        for tier, series in zip(plan.tiers, self._series, strict=True):
            series.add(second // tier.bucket_s, seen, tier)
        if plan.has_times:
            first, last = self._times or (second, second)
            self._times = (min(first, second), max(last, second))
        if plan.has_amounts and held is not None:
            self._weigh(float(amount_minor), held)

    def count(self, at: dt.datetime, window_s: int) -> int | None:
        """Return the number of payments in the window that ends with `at`; None where unknown."""
        return self._one("count", at, window_s, "")

    def sum(self, at: dt.datetime, window_s: int, currency: str) -> int | None:
        """Return the sum in minor units of one currency in the window; None where unknown."""
        return self._one("sum", at, window_s, currency)

    def read(
        self, reads: Reads, asked: "Asked", into: list[Any], missing: Mapping[Unknown, Any]
    ) -> None:
        """Write the values that are asked for into their places.

        Args:
            reads: What to read; one that the state does not keep is `not_loaded`.
            asked: The payment they are read for.
            into: The vector being filled.
            missing: What to write for a value that is not known.
        """
        second, others = asked.second, asked.others
        for place, bucket_s, buckets, wants in reads.windows:
            series = self._at(place)
            if series is None:
                span, why = None, missing["not_loaded"]
            else:
                last = second // bucket_s
                span, why = series.span(last - buckets + 1, last), missing["outside_kept_range"]
            for want in wants:
                if series is None or span is None:
                    into[want.slot] = why
                    continue
                of = want.of
                if of is not None and want.aggregate != "distinct" and of not in others:
                    continue  # whoever fills the vector says which entity the payment lacks
                found = self._windowed(series, span, want, asked)
                into[want.slot] = missing[found] if isinstance(found, str) else found
        for want in reads.scalars:
            scalar = self._scalar(want, asked)
            into[want.slot] = missing[scalar] if isinstance(scalar, str) else scalar

    def copy(self) -> Self:
        """Return an equal state that shares nothing that changes."""
        other = self.__class__(
            self._plan,
            series=tuple([series.copy() for series in self._series]),
            currencies=self._currencies,
            times=self._times,
            amounts=self._amounts.copy(),
            frauds=self._frauds and self._frauds.copy(),
        )
        if self._has_other_currencies:
            other.tell_of_other_currencies()
        return other

    def pack(self) -> bytes:
        """Return the state as bytes that every later version reads; equal states pack equal."""
        return msgspec.msgpack.encode(
            Packed(
                SCHEMA,
                self._has_other_currencies,
                sorted(self._currencies),
                [pack_series(series) for series in self._series],
                list(self._times or ()),
                {currency: self._amounts[currency] for currency in sorted(self._amounts)},
                self._frauds.packed() if self._frauds else [],
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
        state = cls(
            plan,
            series=tuple(
                unpack_series(series, tier)
                for series, tier in zip(body.series, plan.tiers, strict=True)
            ),
            currencies=frozenset(body.currencies),
            times=(body.times[0], body.times[1]) if body.times else None,
            amounts=body.amounts,
            frauds=Frauds.unpacked(body.frauds) if body.frauds else None,
        )
        if body.has_other_currencies:
            state.tell_of_other_currencies()
        return state

    def tell_of_other_currencies(self) -> None:
        """Take note that a currency came which had no place."""
        self._has_other_currencies = True

    @property
    def currencies(self) -> tuple[str, ...]:
        """Return the currencies that it keeps amounts of, in the order of their codes."""
        return tuple(sorted(self._currencies))

    @property
    def size_bytes(self) -> int:
        """Return about how much memory the state takes, for the writer's limit."""
        kept = sum(series.size_bytes for series in self._series)
        labels = self._frauds.size_bytes if self._frauds else 0
        return 200 + kept + labels + 250 * len(self._amounts)

    def _at(self, place: int) -> Series | None:
        for tier, series in zip(self._plan.tiers, self._series, strict=True):
            if tier.place == place:
                return series
        return None

    def _one(
        self, aggregate: Literal["count", "sum"], at: dt.datetime, window_s: int, currency: str
    ) -> int | None:
        place = tier_of(window_s)
        bucket_s = TIERS[place].bucket_s
        second = second_of(at)
        series = self._at(place)
        last = second // bucket_s
        span = None if series is None else series.span(last - window_s // bucket_s + 1, last)
        if series is None or span is None:
            return None
        asked = Asked(second=second, currency=currency, amount_minor=0, others={})
        found = self._windowed(series, span, Want(0, aggregate, window_s, None), asked)
        return found if isinstance(found, int) else None

    def _windowed(
        self, series: Series, span: tuple[int, int], want: Want, asked: "Asked"
    ) -> int | Unknown:
        first, end = span
        aggregate, of = want.aggregate, want.of
        if aggregate == "count" and of is None:
            return sum(series.counts[first:end])
        if aggregate in {"sum", "max"}:
            return self._of_money(series, span, aggregate == "sum", asked.currency)
        if of is not None and of not in series.values:
            return "not_loaded"
        if of is not None and aggregate == "distinct":
            return series.distinct(of, span)
        if aggregate in OF_LABELS:
            return self._of_labels(series, span, want, asked.second)
        return self._of_parts(series, span, want, asked)

    def _of_labels(
        self, series: Series, span: tuple[int, int], want: Want, second: int
    ) -> int | Unknown:
        """Return how many payments were known as fraud, or their share of all."""
        if not self._plan.has_labels:
            return "not_loaded"
        bucket_s = TIERS[tier_of(want.window_s)].bucket_s
        end = (second // bucket_s + 1) * bucket_s
        only_normal = want.aggregate == "unexplained_fraud_count"
        count: int | None = 0
        if self._frauds:
            count = self._frauds.count(end - want.window_s, end, at=second, only_normal=only_normal)
        if count is None or (want.aggregate == "fraud_share" and count > FRAUDS_MAX):
            return "outside_kept_range"
        if want.aggregate != "fraud_share":
            return count
        whole = sum(series.counts[span[0] : span[1]])
        return 1_000 * count // whole if whole else "no_history"

    @staticmethod
    def _of_parts(
        series: Series, span: tuple[int, int], want: Want, asked: "Asked"
    ) -> int | Unknown:
        """Return how many with one other entity, or their share; or the share of declined ones."""
        first, end = span
        if want.of is None:
            part: int | None = sum(series.declined[first:end])
            whole = sum(series.judged[first:end])
        else:
            part = series.count_of(want.of, asked.others[want.of], span)
            whole = sum(series.counts[first:end])
        if part is None:
            return "outside_kept_range"
        if want.aggregate == "count":
            return part
        return 1_000 * part // whole if whole else "no_history"

    def _of_money(
        self,
        series: Series,
        span: tuple[int, int],
        is_sum: bool,  # noqa: FBT001  one of two columns
        currency: str,
    ) -> int | Unknown:
        first, end = span
        column = (series.sums if is_sum else series.maxes).get(currency)
        if column is None and not self._keeps_money(series, is_sum):
            return "not_loaded"
        if column is None and self._has_other_currencies and currency not in self._currencies:
            return "outside_kept_range"
        if is_sum:
            return 0 if column is None else sum(column[first:end])
        most = NONE_SEEN if column is None else max(column[first:end], default=NONE_SEEN)
        return "no_history" if most == NONE_SEEN else most

    def _keeps_money(self, series: Series, is_sum: bool) -> bool:  # noqa: FBT001  as above
        for tier, one in zip(self._plan.tiers, self._series, strict=True):
            if one is series:
                return tier.has_sums if is_sum else tier.has_maxes
        return False

    def _scalar(self, want: Want, asked: "Asked") -> int | Unknown:
        if want.aggregate in {"since_last", "since_first"}:
            return self._since(asked.second, is_last=want.aggregate == "since_last")
        if not self._plan.has_amounts:
            return "not_loaded"
        known = self._amounts.get(asked.currency)
        if known is None and self._has_other_currencies:
            return "outside_kept_range"
        count, mean, variance = known or (0, 0.0, 0.0)
        if count < NORMAL_FROM or mean <= 0:
            return "no_history"
        if want.aggregate == "to_normal":
            return int(min(1_000.0 * asked.amount_minor / mean, RATIO_MAX))
        return int((mean if want.aggregate == "mean" else math.sqrt(variance)) + 0.5)

    def _since(self, second: int, *, is_last: bool) -> int | Unknown:
        if self._times is None:
            return "no_history" if self._plan.has_times else "not_loaded"
        return max(second - self._times[is_last], 0)

    def _weigh(self, amount: float, currency: str) -> None:
        known = self._amounts.get(currency)
        if known is None:
            self._amounts[currency] = (1, amount, 0.0)
            return
        count, mean, variance = known
        by = amount - mean
        part = NEW_WEIGHT * by
        self._amounts[currency] = (
            count + 1,
            mean + part,
            (1.0 - NEW_WEIGHT) * (variance + part * by),
        )

    def _place_for(self, currency: str) -> str | None:
        if currency in self._currencies:
            return currency
        if len(self._currencies) < CURRENCIES_MAX:
            self._currencies |= {currency}
            return currency
        self.tell_of_other_currencies()
        return None


class Asked(msgspec.Struct, frozen=True):
    """The payment that values are read for.

    Attributes:
        second: Its event time, see `second_of`.
        others: Kind -> keyed value of each entity it involves.
    """

    second: int
    currency: str
    amount_minor: int
    others: dict[str, int]
