"""What labels say of an entity at one time, and the values read of that. Exact, or it says not.

Labelled payments stand in the order of their times; of one second, frauds stand before genuine
ones. A run of frauds are those newer than the newest genuine payment. Unexplained are frauds whose
amount was normal for their payer; explained ones neither lengthen their run nor end it.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from risk.reading import THOUSANDTHS, Unknown

# A count above this says only that it is more.
FRAUDS_MAX: Final = 64
# A share of frauds among so many payments is added to what is known, so that the first labels do
# not say all or nothing: some 1 % of labelled payments are fraud on published data.
PRIOR_PAYMENTS: Final = 5
PRIOR_FRAUDS_MILLI: Final = 50
MILLIONTHS: Final = 1_000_000
PRIOR: Final = PRIOR_FRAUDS_MILLI * MILLIONTHS // 1_000
# Before every payment.
NEVER: Final = -(2**62)


class Run(NamedTuple):
    """The newest frauds in a row.

    Attributes:
        length: How many; None where some may have been let go.
        first: Time of the oldest; `NEVER` for none.
    """

    length: int | None
    first: int


class Known(NamedTuple):
    """What was known at one time. Times are payments', in whole seconds since 1970.

    Attributes:
        frauds, bare, told: Times of known frauds, of unexplained ones, of all labelled payments.
        genuine: Time of the newest genuine payment; `NEVER` for none.
        run, bare_run: Of frauds, and of unexplained ones.
        since: How many genuine payments are not older than the newest fraud; None for not known.
        floor: Payments of this second and before that were ever called fraud were let go.
        all_floor: The same of any labelled payments.
    """

    frauds: list[int]
    bare: list[int]
    told: list[int]
    genuine: int
    run: Run
    bare_run: Run
    since: int | None
    floor: int
    all_floor: int


def make_known(
    frauds: list[tuple[int, bool]], genuine: list[int], *, floor: int, normal_floor: int
) -> Known:
    """Return what labelled payments say together.

    Args:
        frauds: Time of each known fraud, and whether its amount was normal for its payer.
        genuine: Time of each known genuine payment.
        floor: Payments of this second and before that were ever called fraud were let go.
        normal_floor: The same of payments that never were.
    """
    paid = sorted(one for one, _ in frauds)
    bare = sorted(one for one, was_normal in frauds if was_normal)
    genuine.sort()
    newest = genuine[-1] if genuine else NEVER
    all_floor = max(floor, normal_floor)
    return Known(
        frauds=paid,
        bare=bare,
        told=sorted(genuine + paid),
        genuine=newest,
        run=_run(paid, newest, all_floor),
        bare_run=_run(bare, newest, all_floor),
        since=_since(genuine, paid[-1] if paid else NEVER, all_floor),
        floor=floor,
        all_floor=all_floor,
    )


def _run(paid: list[int], newest: int, floor: int) -> Run:
    is_all = newest > floor or floor == NEVER
    place = bisect_left(paid, (newest if is_all else floor) + 1)
    length = len(paid) - place
    if not is_all:
        return Run(length if length > FRAUDS_MAX else None, NEVER)
    return Run(length, paid[place] if length else NEVER)


def _since(genuine: list[int], last: int, floor: int) -> int | None:
    is_all = last > floor or floor == NEVER
    count = len(genuine) - bisect_left(genuine, last if is_all else floor + 1)
    return count if is_all or count > FRAUDS_MAX else None


NOTHING_KNOWN: Final = make_known([], [], floor=NEVER, normal_floor=NEVER)


def value(known: Known, aggregate: str, second: int) -> int | Unknown:
    """Return a value that has no window.

    Args:
        known: What was known then.
        aggregate: Which, see risk/plan.py.
        second: Event time of the payment that it is for.
    """
    return _VALUES[aggregate](known, second)


def value_in(known: Known, aggregate: str, bounds: tuple[int, int], whole: int) -> int | Unknown:
    """Return a value of a window.

    Args:
        known: What was known then.
        aggregate: Which, see risk/plan.py.
        bounds: Seconds from which payments count, and from which they no more do.
        whole: How many payments there were in the window.
    """
    first, end = bounds
    if aggregate in {"fraud_risk", "unlabelled"}:
        if known.all_floor >= first:
            return "outside_kept_range"
        told = _count(known.told, first, end)
        if aggregate == "unlabelled":
            return max(whole - told, 0)
        return (MILLIONTHS * _count(known.frauds, first, end) + PRIOR) // (told + PRIOR_PAYMENTS)
    is_bare = aggregate == "unexplained_fraud_count"
    count = _count(known.bare if is_bare else known.frauds, first, end)
    is_share = aggregate == "fraud_share"
    if known.floor >= first and (is_share or count <= FRAUDS_MAX):
        return "outside_kept_range"
    if is_share:
        return THOUSANDTHS * count // whole if whole else "no_history"
    return min(count, FRAUDS_MAX + 1)


def _count(paid: list[int], first: int, end: int) -> int:
    if not paid or paid[-1] < first:
        return 0
    return bisect_left(paid, end) - bisect_left(paid, first)


def _last_label(known: Known, _second: int) -> int | Unknown:
    if not known.told or known.told[-1] <= known.all_floor:
        return _none(known.all_floor)
    return int(known.genuine < known.told[-1])


def _genuine_since(known: Known, _second: int) -> int | Unknown:
    return _capped(known.since) if known.frauds else _none(known.floor)


def _length(known: Known, run: Run) -> int | Unknown:
    return _capped(run.length) if known.told else _none(known.all_floor)


def _age(run: Run, second: int) -> int | Unknown:
    if run.first == NEVER:
        return "no_history" if run.length == 0 else "outside_kept_range"
    return max(second - run.first, 0)


def _since_newest(known: Known, paid: list[int], second: int) -> int | Unknown:
    if paid and paid[-1] > known.floor:
        return max(second - paid[-1], 0)
    return _none(known.floor)


def _capped(count: int | None) -> int | Unknown:
    return "outside_kept_range" if count is None else min(count, FRAUDS_MAX + 1)


def _none(floor: int) -> Unknown:
    return "no_history" if floor == NEVER else "outside_kept_range"


_VALUES: Final[Mapping[str, Callable[[Known, int], int | Unknown]]] = MappingProxyType(
    {
        "last_label": _last_label,
        "genuine_since_fraud": _genuine_since,
        "fraud_run": lambda known, _: _length(known, known.run),
        "unexplained_fraud_run": lambda known, _: _length(known, known.bare_run),
        "fraud_run_age": lambda known, second: _age(known.run, second),
        "unexplained_fraud_run_age": lambda known, second: _age(known.bare_run, second),
        "since_fraud": lambda known, second: _since_newest(known, known.frauds, second),
        "since_unexplained_fraud": lambda known, second: _since_newest(known, known.bare, second),
    }
)
