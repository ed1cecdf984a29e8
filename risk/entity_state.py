"""What one entity did, by event time, as far as its plan asks. Never reads a clock; never guesses.

A read is exact, or it says why it is not known. risk/windows.py defines a window, risk/plan.py
what is kept, risk/amounts.py what is normal, risk/known.py what labels say. Weighted means run in
the order in which payments came to us.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, Self, get_args

import msgspec

from risk.amounts import (
    ABNORMAL_MILLI,
    NEW_WEIGHT,
    Usual,
    Weighted,
    weigh,
    weigh_usual,
)
from risk.compiled import Reader, compiled_adds
from risk.frauds import Frauds, Said
from risk.history import Seen, keyed
from risk.known import NOTHING_KNOWN, value, value_in
from risk.packed import pack_series, unpack_series
from risk.packed_state import SCHEMA, UPCASTERS, Head, Packed, upcast
from risk.plan import EVERY_WINDOW, Plan, Reads, Want, make_reads, places_of
from risk.reading import Asked, Unknown, fill, read_tier
from risk.scalars import read_scalars
from risk.series import Series
from risk.windows import TIERS, second_of, tier_of

# An entity seen in more currencies than this is none that we can sum; the rest is unknown.
CURRENCIES_MAX: Final = 8
# Of so many others of each kind it is known when they last came with the entity: the newest.
LAST_USES_MAX: Final = 64
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
        usuals: Currency -> the usual amount and what goes with it. Replaced, never changed.
        gap: How many gaps between payments, and their weighted mean in seconds.
        abnormal_at: Second of the newest abnormal amount; None for none.
        last_uses: Kind -> keyed value -> second when it last came. Replaced, never changed.
        let_go: Kinds of which some last uses were let go.
        unrated_at: Up to this second it is not known which amounts were abnormal; None for known.
    """

    # No msgspec.Struct: to set an attribute of one costs eight times as much.
    __slots__ = (
        *("abnormal_at", "add_to", "amounts", "currencies", "frauds", "gap", "last_uses"),
        *("has_other_currencies", "let_go", "places", "plan", "series", "times", "unrated_at"),
        "usuals",
    )

    def __init__(self, plan: Plan = EVERY_WINDOW) -> None:
        self.plan = plan
        self.series = tuple(Series(tier) for tier in plan.tiers)
        self.currencies: frozenset[str] = frozenset()
        self.times: tuple[int, int] | None = None
        self.amounts: dict[str, Weighted] = {}
        self.usuals: dict[str, Usual] = {}
        self.gap: tuple[int, float] = (0, 0.0)
        self.abnormal_at: int | None = None
        self.last_uses: dict[str, dict[int, int]] = {}
        self.let_go: frozenset[str] = frozenset()
        self.unrated_at: int | None = None
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
        *,
        ratio_milli: int | None = None,
    ) -> None:
        """Count one payment in the bucket of its own time, where that bucket is still kept.

        Args:
            at: Aware event time.
            amount_minor: 0 or more.
            currency: ISO 4217 code.
            is_declined: What we said; None where that is not known.
            others: Kind -> key of the payment's other entities.
            ratio_milli: The amount in thousandths of what was usual for its payer; None where
                that is not known.

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
        far = ratio_milli if ratio_milli is not None and ratio_milli > ABNORMAL_MILLI else None
        self.add_to(self.series, second, Seen(amount_minor, held, is_declined, values, far))
        if plan.has_abnormal and far is not None:
            at_last = self.abnormal_at
            self.abnormal_at = second if at_last is None else max(at_last, second)
        if plan.has_times:
            self._take_time(second)
        if plan.has_amounts and held is not None:
            self._weigh(float(amount_minor), held)
        for kind in plan.since:
            if kind in values:
                self._use(kind, values[kind], second)

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

    def miss(self, at: dt.datetime) -> None:
        """Take note that what is told up to a time lacks what older events did not say.

        That is which amounts were abnormal, and the labels of payments that nobody doubted. What
        needs them is then not known, rather than wrong.

        Args:
            at: Event time of the payment.
        """
        second, plan = second_of(at), self.plan
        if plan.has_labels:
            frauds = self.frauds.copy() if self.frauds else Frauds()
            frauds.miss(second)
            self.frauds = frauds
        if plan.has_abnormal or any(tier.has_abnormal for tier in plan.tiers):
            self.unrated_at = second if self.unrated_at is None else max(self.unrated_at, second)

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
        if self.unrated_at is not None:
            self._fill_unrated(reads, asked, self.unrated_at)
        if reads.labels:
            self._read_labels(reads.labels, asked)
        if reads.scalars:
            read_scalars(self, reads.scalars, asked)

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
        other.usuals = self.usuals
        other.gap = self.gap
        other.abnormal_at = self.abnormal_at
        other.last_uses = self.last_uses
        other.let_go = self.let_go
        other.unrated_at = self.unrated_at
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
                {currency: self.usuals[currency] for currency in sorted(self.usuals)},
                self.gap,
                self.abnormal_at,
                {
                    kind: [part for use in sorted(uses.items()) for part in use]
                    for kind, uses in sorted(self.last_uses.items())
                },
                sorted(self.let_go),
                self.unrated_at,
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
        state.usuals, state.gap, state.abnormal_at = body.usuals, body.gap, body.abnormal_at
        state.last_uses = {
            kind: dict(zip(uses[::2], uses[1::2], strict=True))
            for kind, uses in body.last_uses.items()
        }
        state.let_go, state.unrated_at = frozenset(body.let_go), body.unrated_at
        return state

    @property
    def size_bytes(self) -> int:
        """Return about how much memory the state takes, for the writer's limit."""
        kept = sum(series.size_bytes for series in self.series)
        labels = self.frauds.size_bytes if self.frauds else 0
        uses = sum(250 + 100 * len(one) for one in self.last_uses.values())
        return 260 + kept + labels + uses + 250 * (len(self.amounts) + len(self.usuals))

    def _one(self, want: Want, at: dt.datetime, currency: str) -> int | None:
        into: list[Any] = [None]
        self.read(make_reads([want]), Asked(second_of(at), currency, 0, {}, into, _NOT_SAID))
        found: int | None = into[0]
        return found

    def _fill_unrated(self, reads: Reads, asked: Asked, unrated_at: int) -> None:
        for tier in reads.tiers:
            first = asked.second // tier.bucket_s + 1
            for window in tier.windows:
                reaches = unrated_at // tier.bucket_s >= first - window.buckets
                if reaches and self.places[tier.place] is not None:
                    fill((*window.abnormal, *window.farthest), "outside_kept_range", asked)

    def _read_labels(self, reads: tuple[tuple[int, tuple[Want, ...]], ...], asked: Asked) -> None:
        into, missing, second = asked.into, asked.missing, asked.second
        if not self.plan.has_labels:
            for _, wants in reads:
                fill((want.slot for want in wants), "not_loaded", asked)
            return
        known = self.frauds.known(second) if self.frauds else NOTHING_KNOWN
        found: int | Unknown
        for window_s, wants in reads:
            if not window_s:
                for want in wants:
                    found = value(known, want.aggregate, second)
                    into[want.slot] = missing[found] if isinstance(found, str) else found
                continue
            tier = tier_of(window_s)
            place, bucket_s = self.places[tier], TIERS[tier].bucket_s
            last = second // bucket_s
            end = (last + 1) * bucket_s
            series = None if place is None else self.series[place]
            span = None if series is None else series.span(last + 1 - window_s // bucket_s, last)
            if series is None or span is None:
                fill((want.slot for want in wants), "outside_kept_range", asked)
                continue
            whole = series.count_in(span)
            for want in wants:
                found = value_in(known, want.aggregate, (end - window_s, end), whole)
                into[want.slot] = missing[found] if isinstance(found, str) else found

    def _take_time(self, second: int) -> None:
        if self.times is None:
            self.times = second, second
            return
        first, last = self.times
        self.times = min(first, second), max(last, second)
        if self.plan.has_gaps:
            count, mean = self.gap
            gap = float(max(second - last, 0))
            self.gap = count + 1, mean + NEW_WEIGHT * (gap - mean) if count else gap

    def _weigh(self, amount: float, currency: str) -> None:
        known = self.amounts.get(currency)
        self.amounts = {**self.amounts, currency: weigh(known, amount)}
        if self.plan.has_usual:
            usual = self.usuals.get(currency)
            self.usuals = {**self.usuals, currency: weigh_usual(usual, amount)}

    def _use(self, kind: str, value: int, second: int) -> None:
        """Take note when another entity came; of the newest others alone."""
        uses = self.last_uses.get(kind, {})
        uses = {**uses, value: max(uses.get(value, second), second)}
        if len(uses) > LAST_USES_MAX:
            # Whichever order they came in, the same are left.
            del uses[min(uses, key=lambda one: (uses[one], one))]
            self.let_go |= {kind}
        self.last_uses = {**self.last_uses, kind: uses}

    def _place_for(self, currency: str) -> str | None:
        if currency in self.currencies:
            return currency
        if len(self.currencies) < CURRENCIES_MAX:
            self.currencies |= {currency}
            return currency
        self.has_other_currencies = True
        return None
