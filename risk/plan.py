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
    "window_mean",
    "to_window_mean",
    "window_z",
    "abnormal_count",
    "abnormal_max",
    "fraud_count",
    "fraud_share",
    "unexplained_fraud_count",
    "fraud_risk",
    "unlabelled",
    "last_label",
    "since_fraud",
    "since_unexplained_fraud",
    "fraud_run",
    "fraud_run_age",
    "unexplained_fraud_run",
    "unexplained_fraud_run_age",
    "genuine_since_fraud",
    "mean",
    "deviation",
    "to_normal",
    "to_usual",
    "z",
    "log_z",
    "since_last",
    "since_first",
    "since_abnormal",
    "usual_gap",
]
_LABELS_IN_WINDOWS: Final[frozenset[Aggregate]] = frozenset(
    {"fraud_count", "fraud_share", "unexplained_fraud_count", "fraud_risk", "unlabelled"}
)
OF_LABELS: Final[frozenset[Aggregate]] = _LABELS_IN_WINDOWS | {
    *("last_label", "since_fraud", "since_unexplained_fraud", "fraud_run", "fraud_run_age"),
    *("unexplained_fraud_run", "unexplained_fraud_run_age", "genuine_since_fraud"),
}
_OF_ABNORMAL: Final[frozenset[Aggregate]] = frozenset({"abnormal_count", "abnormal_max"})
# Need how many amounts of a currency there were, beside their sum.
_OF_MEANS: Final[frozenset[Aggregate]] = frozenset({"window_mean", "to_window_mean", "window_z"})
WINDOWED: Final[frozenset[Aggregate]] = (
    _LABELS_IN_WINDOWS
    | _OF_ABNORMAL
    | _OF_MEANS
    | {*("count", "sum", "max", "distinct", "declined_share", "share")}
)
# What counts another entity, and what may be of one entity alone or of a pair.
MUST_BE_OF: Final[frozenset[Aggregate]] = frozenset({"distinct", "share"})
MAY_BE_OF: Final[frozenset[Aggregate]] = MUST_BE_OF | {"count", "since_last"}
_OF_AMOUNTS: Final[frozenset[Aggregate]] = frozenset({"mean", "deviation", "to_normal"})
_OF_USUAL: Final[frozenset[Aggregate]] = frozenset({"to_usual", "z", "log_z"})
_OF_MONEY: Final[frozenset[Aggregate]] = _OF_AMOUNTS | _OF_USUAL | _OF_MEANS | {"sum", "max"}
_OF_TIMES: Final[frozenset[Aggregate]] = frozenset({"since_last", "since_first", "usual_gap"})


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
        has_numbers: How many amounts of each currency, beside their sums.
        has_squares: The sums of their squares as well.
        has_abnormal: How many amounts were abnormal, and the farthest of them.
    """

    place: int
    bucket_s: int
    kept: int
    buckets_max: int
    has_sums: bool
    has_maxes: bool
    has_shares: bool
    of: tuple[str, ...]
    has_numbers: bool = False
    has_squares: bool = False
    has_abnormal: bool = False


class WindowReads(NamedTuple):
    """All values of one window, by how they are read.

    Attributes:
        slots: Places of all of them.
        counts, sums, maxes, shares: Places; shares are of declined payments.
        distincts: Place and kind.
        pairs: Place, kind, and whether it is a share.
        has_more: There is more than counts and sums.
        means: Places and what of the mean of amounts is read.
        abnormal: Places of how many amounts were abnormal.
        farthest: Places of the farthest of them.
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
    means: tuple[tuple[int, Aggregate], ...]
    abnormal: tuple[int, ...]
    farthest: tuple[int, ...]


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
        has_usual: The usual amount and mean and variance of logarithms, per currency.
        has_gaps: The weighted mean of seconds between payments.
        has_abnormal: The time of the newest abnormal amount.
        since: Kinds of the other entities whose newest times are kept.
    """

    tiers: tuple[TierPlan, ...]
    has_amounts: bool
    has_times: bool
    has_money: bool
    kinds: tuple[str, ...]
    has_labels: bool
    has_usual: bool = False
    has_gaps: bool = False
    has_abnormal: bool = False
    since: tuple[str, ...] = ()


class Reads(NamedTuple):
    """What is read from an entity, grouped so that each window is found once.

    Attributes:
        scalars: Values that have no window.
        labels: Values that labels move, by window; 0 for those without.
        slots: Places of all its values.
        pairs: Place and other entity of values that another entity takes part in.
    """

    tiers: tuple[TierReads, ...]
    scalars: tuple[Want, ...]
    labels: tuple[tuple[int, tuple[Want, ...]], ...]
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
        has_sums=bool(aggregates & ({"sum"} | _OF_MEANS)),
        has_maxes="max" in aggregates,
        has_shares="declined_share" in aggregates,
        of=tuple(sorted({want.of for want in wants if want.of is not None})),
        has_numbers=bool(aggregates & _OF_MEANS),
        has_squares="window_z" in aggregates,
        has_abnormal=bool(aggregates & _OF_ABNORMAL),
    )


def make_plan(wants: Iterable[Want]) -> Plan:
    """Return the least that an entity must keep for these values.

    Raises:
        ValueError: A window is none that is kept.
    """
    by_place: dict[int, list[Want]] = {}
    aggregates: set[Aggregate] = set()
    since: set[str] = set()
    for want in wants:
        if want.aggregate in WINDOWED:
            by_place.setdefault(tier_of(want.window_s), []).append(want)
        elif want.of is not None:
            since.add(want.of)
            continue
        aggregates.add(want.aggregate)
    tiers = tuple(_tier(place, by_place[place]) for place in sorted(by_place))
    return _one_of(
        Plan(
            tiers=tiers,
            has_amounts=bool(aggregates & (_OF_AMOUNTS | _OF_USUAL)),
            has_times=bool(aggregates & _OF_TIMES),
            has_money=bool(aggregates & _OF_MONEY),
            kinds=tuple(sorted({kind for tier in tiers for kind in tier.of} | since)),
            has_labels=bool(aggregates & OF_LABELS),
            has_usual=bool(aggregates & _OF_USUAL),
            has_gaps="usual_gap" in aggregates,
            has_abnormal="since_abnormal" in aggregates,
            since=tuple(sorted(since)),
        )
    )


@lru_cache(maxsize=256)
def _one_of(plan: Plan) -> Plan:
    """Return the same plan for every equal one: what a state keeps is told by identity."""
    return plan


def make_reads(wants: list[Want]) -> Reads:
    """Return values grouped by tier and window."""
    tiers: dict[int, dict[int, list[Want]]] = {}
    labels: dict[int, list[Want]] = {}
    for want in wants:
        if want.aggregate in OF_LABELS:
            labels.setdefault(want.window_s, []).append(want)
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
        scalars=tuple(want for want in wants if want.aggregate not in WINDOWED | OF_LABELS),
        labels=tuple((window_s, tuple(found)) for window_s, found in labels.items()),
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
        has_more=any(one.of or one.aggregate not in {"count", "sum"} for one in wants),
        means=tuple((one.slot, one.aggregate) for one in wants if one.aggregate in _OF_MEANS),
        abnormal=slots("abnormal_count"),
        farthest=slots("abnormal_max"),
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
