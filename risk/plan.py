"""What an entity has to keep so that its features can be read: compiled once for a set. Pure."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

import msgspec

from risk.windows import LATE_S, TIERS, tier_of

Aggregate = Literal[
    "count",
    "sum",
    "max",
    "distinct",
    "declined_share",
    "share",
    "fraud_count",
    "fraud_share",
    "unexplained_fraud_count",
    "mean",
    "deviation",
    "to_normal",
    "since_last",
    "since_first",
]
OF_LABELS: Final[frozenset[Aggregate]] = frozenset(
    {"fraud_count", "fraud_share", "unexplained_fraud_count"}
)
WINDOWED: Final[frozenset[Aggregate]] = OF_LABELS | {
    *("count", "sum", "max", "distinct", "declined_share", "share"),
}
_OF_AMOUNTS: Final[frozenset[Aggregate]] = frozenset({"mean", "deviation", "to_normal"})
_OF_MONEY: Final[frozenset[Aggregate]] = _OF_AMOUNTS | {"sum", "max"}
_OF_TIMES: Final[frozenset[Aggregate]] = frozenset({"since_last", "since_first"})


class Want(NamedTuple):
    """One value to read from a state.

    Attributes:
        slot: Its place in the vector.
        of: The other entity: whose different values, or with whom; None for none.
    """

    slot: int
    aggregate: Aggregate
    window_s: int
    of: str | None


class TierPlan(msgspec.Struct, frozen=True, array_like=True):
    """What one tier of an entity keeps; counts always.

    Attributes:
        place: In TIERS.
        kept: Buckets back from the newest one that a permitted read can reach.
        of: Kinds whose values are counted one by one.
    """

    place: int
    bucket_s: int
    kept: int
    buckets_max: int
    has_sums: bool
    has_maxes: bool
    has_shares: bool
    of: tuple[str, ...]


class WindowReads(NamedTuple):
    """All values of one window, by how they are read.

    Attributes:
        slots: Places of all of them.
        counts, sums, maxes, shares: Places; shares are of declined payments.
        distincts: Place and kind.
        pairs: Place, kind, and whether it is a share.
        has_more: There is more than counts and sums.
    """

    buckets: int
    slots: tuple[int, ...]
    counts: tuple[int, ...]
    sums: tuple[int, ...]
    maxes: tuple[int, ...]
    shares: tuple[int, ...]
    distincts: tuple[tuple[int, str], ...]
    pairs: tuple[tuple[int, str, bool], ...]
    has_more: bool


class TierReads(NamedTuple):
    """All windows that are made of the buckets of one tier."""

    place: int
    bucket_s: int
    windows: tuple[WindowReads, ...]


class Plan(msgspec.Struct, frozen=True, array_like=True):
    """What an entity keeps.

    Attributes:
        has_amounts: Weighted mean and variance of amounts, per currency.
        has_times: The first and the newest event time.
        has_money: Anything that is kept per currency.
        kinds: Of the other entities that any tier counts one by one.
        has_labels: Which payments turned out to be fraud.
    """

    tiers: tuple[TierPlan, ...]
    has_amounts: bool
    has_times: bool
    has_money: bool
    kinds: tuple[str, ...]
    has_labels: bool


class Reads(NamedTuple):
    """What is read from an entity, grouped so that each window is found once.

    Attributes:
        scalars: Values that have no window.
        labels: Values that labels move.
        slots: Places of all its values.
        pairs: Place and other entity of values that another entity takes part in.
    """

    tiers: tuple[TierReads, ...]
    scalars: tuple[Want, ...]
    labels: tuple[Want, ...]
    slots: tuple[int, ...]
    pairs: tuple[tuple[int, str], ...]


def _tier(place: int, wants: list[Want]) -> TierPlan:
    tier = TIERS[place]
    longest = max(want.window_s for want in wants)
    aggregates = {want.aggregate for want in wants}
    return TierPlan(
        place=place,
        bucket_s=tier.bucket_s,
        kept=longest // tier.bucket_s + -(-LATE_S // tier.bucket_s),
        buckets_max=tier.buckets_max,
        has_sums="sum" in aggregates,
        has_maxes="max" in aggregates,
        has_shares="declined_share" in aggregates,
        of=tuple(sorted({want.of for want in wants if want.of is not None})),
    )


def make_plan(wants: Iterable[Want]) -> Plan:
    """Return the least that an entity must keep for these values.

    Raises:
        ValueError: A window is none that is kept.
    """
    by_place: dict[int, list[Want]] = {}
    aggregates: set[Aggregate] = set()
    for want in wants:
        aggregates.add(want.aggregate)
        if want.aggregate in WINDOWED:
            by_place.setdefault(tier_of(want.window_s), []).append(want)
    tiers = tuple(_tier(place, by_place[place]) for place in sorted(by_place))
    return _one_of(
        Plan(
            tiers=tiers,
            has_amounts=bool(aggregates & _OF_AMOUNTS),
            has_times=bool(aggregates & _OF_TIMES),
            has_money=bool(aggregates & _OF_MONEY),
            kinds=tuple(sorted({kind for tier in tiers for kind in tier.of})),
            has_labels=bool(aggregates & OF_LABELS),
        )
    )


@lru_cache(maxsize=256)
def _one_of(plan: Plan) -> Plan:
    """Return the same plan for every equal one: what a state keeps is told by identity."""
    return plan


def make_reads(wants: list[Want]) -> Reads:
    """Return values grouped by tier and window."""
    tiers: dict[int, dict[int, list[Want]]] = {}
    for want in wants:
        # What labels move reads its series itself.
        if want.aggregate in WINDOWED - OF_LABELS:
            windows = tiers.setdefault(tier_of(want.window_s), {})
            windows.setdefault(want.window_s // TIERS[tier_of(want.window_s)].bucket_s, []).append(
                want
            )
    return Reads(
        tiers=tuple(
            TierReads(
                place,
                TIERS[place].bucket_s,
                tuple(_window(buckets, found) for buckets, found in windows.items()),
            )
            for place, windows in tiers.items()
        ),
        scalars=tuple(want for want in wants if want.aggregate not in WINDOWED),
        labels=tuple(want for want in wants if want.aggregate in OF_LABELS),
        slots=tuple(want.slot for want in wants),
        pairs=tuple((want.slot, want.of) for want in wants if want.of is not None),
    )


def _window(buckets: int, wants: list[Want]) -> WindowReads:
    def slots(aggregate: Aggregate) -> tuple[int, ...]:
        return tuple(want.slot for want in wants if want.aggregate == aggregate and want.of is None)

    return WindowReads(
        buckets=buckets,
        slots=tuple(want.slot for want in wants),
        counts=slots("count"),
        sums=slots("sum"),
        maxes=slots("max"),
        shares=slots("declined_share"),
        distincts=tuple(
            (one.slot, one.of) for one in wants if one.of and one.aggregate == "distinct"
        ),
        pairs=tuple(
            (one.slot, one.of, one.aggregate == "share")
            for one in wants
            if one.of and one.aggregate in {"count", "share"}
        ),
        has_more=any(one.of or one.aggregate in {"max", "declined_share"} for one in wants),
    )


def places_of(plan: Plan) -> tuple[int | None, ...]:
    """Return for each tier of TIERS where it stands among those that are kept; None for not."""
    places = {tier.place: place for place, tier in enumerate(plan.tiers)}
    return tuple(places.get(place) for place in range(len(TIERS)))


# Counts and sums over every window there is: what the first version kept of everyone.
EVERY_WINDOW: Final = Plan(
    tiers=tuple(
        TierPlan(
            place=place,
            bucket_s=tier.bucket_s,
            kept=tier.buckets_kept,
            buckets_max=tier.buckets_max,
            has_sums=True,
            has_maxes=False,
            has_shares=False,
            of=(),
        )
        for place, tier in enumerate(TIERS)
    ),
    has_amounts=False,
    has_times=False,
    has_money=True,
    kinds=(),
    has_labels=False,
)
NOTHING: Final = Plan(
    (), has_amounts=False, has_times=False, has_money=False, kinds=(), has_labels=False
)
