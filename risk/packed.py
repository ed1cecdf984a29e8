"""A series as it is stored, and back. Equal series pack equal, however they came about. Pure."""

from array import array
from collections.abc import Iterable
from itertools import accumulate
from operator import sub

import msgspec

from risk.history import Column, column_of
from risk.plan import TierPlan
from risk.series import NEVER, Series


class PackedSeries(msgspec.Struct, array_like=True):
    """A series as it is stored; keys as the first and the steps, since small numbers pack small."""

    floor: int | None
    keys: list[int]
    counts: list[int]
    sums: dict[str, list[int]]
    maxes: dict[str, list[int]]
    judged: list[int]
    declined: list[int]
    values: dict[str, list[list[int]]]


def pack_series(series: Series) -> PackedSeries:
    """Return a series as it is stored; equal series pack equal."""
    history, begin, end = series.history, series.begin, series.end
    keys = history.keys[begin:end].tolist()
    shares = (history.judged, series.judged), (history.declined, series.declined)
    judged, declined = [_each(*one, begin, end) if one[0] else [] for one in shares]
    return PackedSeries(
        None if series.floor == NEVER else series.floor,
        [*keys[:1], *map(sub, keys[1:], keys)],
        _each(history.counts, series.count, begin, end),
        {
            currency: _each(history.sums[currency], total, begin, end)
            for currency, total in sorted(series.sums.items())
        },
        {
            currency: [*history.maxes[currency][begin : end - 1], most]
            for currency, most in sorted(series.tops.items())
        },
        judged,
        declined,
        {
            kind: [
                _flat(one) for one in [*history.values[kind][begin : end - 1], head][: end - begin]
            ]
            for kind, head in sorted(series.heads.items())
        },
    )


def unpack_series(packed: PackedSeries, plan: TierPlan) -> Series:
    """Return the series that was packed.

    Raises:
        ValueError: Columns of several lengths, keys that do not rise, or columns of another plan.
    """
    size = len(packed.keys)
    columns = [packed.counts, *packed.sums.values(), *packed.maxes.values()]
    if plan.has_shares:
        columns += [packed.judged, packed.declined]
    lengths = {len(column) for column in columns} | {len(one) for one in packed.values.values()}
    if lengths - {size} or any(step <= 0 for step in packed.keys[1:]):
        raise ValueError("a packed series has columns of one length and growing keys")
    if packed.values.keys() != set(plan.of):
        raise ValueError("a packed series of another plan")
    series = Series(plan)
    series.floor = NEVER if packed.floor is None else packed.floor
    if not size:
        return series
    history = series.history
    history.keys = array("q", accumulate(packed.keys))
    series.newest, series.end = history.keys[-1], size
    history.counts, series.count = _totals(packed.counts)
    if plan.has_shares:
        history.judged, series.judged = _totals(packed.judged)
        history.declined, series.declined = _totals(packed.declined)
    sums, tops = series.sums, series.tops
    for currency, column in packed.sums.items():
        *totals, sums[currency] = accumulate(column, initial=0)
        history.sums[currency] = column_of(totals)
    for currency, column in packed.maxes.items():
        *closed, tops[currency] = column
        history.maxes[currency] = array("q", closed)
    for kind, flat in packed.values.items():
        *buckets, series.heads[kind] = map(_bucket, flat)
        history.values[kind] = buckets
        series.entries += sum(map(len, flat)) // 2
    return series


def _each(totals: Column, total: int, begin: int, end: int) -> list[int]:
    own = [*totals[begin:end], total]
    return list(map(sub, own[1:], own))


def _totals(column: Iterable[int]) -> tuple["array[int]", int]:
    *totals, total = accumulate(column, initial=0)
    return array("q", totals), total


def _flat(bucket: dict[int, int]) -> list[int]:
    return [part for pair in sorted(bucket.items()) for part in pair]


def _bucket(flat: list[int]) -> dict[int, int]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
