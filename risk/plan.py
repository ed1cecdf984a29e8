"""What an entity has to keep so that its features can be read: compiled once for a set. Pure."""

from collections.abc import Iterable
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


class WindowWants(NamedTuple):
    """All values of one window."""

    place: int
    bucket_s: int
    buckets: int
    wants: tuple[Want, ...]


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
        slots: Places of all its values.
        pairs: Place and other entity of values that another entity takes part in.
    """

    windows: tuple[WindowWants, ...]
    scalars: tuple[Want, ...]
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
    return Plan(
        tiers=tiers,
        has_amounts=bool(aggregates & _OF_AMOUNTS),
        has_times=bool(aggregates & _OF_TIMES),
        has_money=bool(aggregates & _OF_MONEY),
        kinds=tuple(sorted({kind for tier in tiers for kind in tier.of})),
        has_labels=bool(aggregates & OF_LABELS),
    )


def make_reads(wants: list[Want]) -> Reads:
    """Return values grouped by window."""
    by_window: dict[int, list[Want]] = {}
    scalars = []
    for want in wants:
        if want.aggregate in WINDOWED:
            by_window.setdefault(want.window_s, []).append(want)
        else:
            scalars.append(want)
    windows = []
    for window_s, found in by_window.items():
        place = tier_of(window_s)
        bucket_s = TIERS[place].bucket_s
        windows.append(WindowWants(place, bucket_s, window_s // bucket_s, tuple(found)))
    return Reads(
        windows=tuple(windows),
        scalars=tuple(scalars),
        slots=tuple(want.slot for want in wants),
        pairs=tuple((want.slot, want.of) for want in wants if want.of is not None),
    )


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
