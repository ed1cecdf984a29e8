"""A plan as straight code: made once for a set, so that a payment asks no plan.

To look up what a plan says would take a hundred and fifty calls a payment, which cost more than
the sums themselves. Functions made here have every answer of the plan written in. They hand over
what is not the usual case: a read before the newest bucket to `risk.reading`, an event before it
to `Series.add_late`. tests/risk/test_series.py holds them to a plain recount.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

from risk.amounts import SQUARED_MAX
from risk.history import ABNORMAL, DISTINCT_MAX, NUMBER, OVER, SQUARES, Seen, append
from risk.plan import Plan, Reads, TierPlan, TierReads, WindowReads
from risk.reading import Asked, read_means, read_tier
from risk.series import NONE_SEEN, SUM_MAX, Series

# What the text of a function may name beside its arguments.
_NAMES: Final[dict[str, Any]] = {
    "DISTINCT_MAX": DISTINCT_MAX,
    "NONE_SEEN": NONE_SEEN,
    "SQUARED_MAX": SQUARED_MAX,
    "SUM_MAX": SUM_MAX,
    "append": append,
    "bisect_left": bisect_left,
    "read_means": read_means,
    "read_tier": read_tier,
}
ReadTiers = Callable[[tuple[Series, ...], Asked, bool], None]
AddTo = Callable[[tuple[Series, ...], int, Seen], None]


class Reader(NamedTuple):
    """Reads the windows of states of one plan.

    Attributes:
        read: From series for a payment; last, whether its currency may have come without a place.
    """

    plan: Plan
    read: ReadTiers


def compiled_reads(plan: Plan, reads: Reads) -> Reader:
    """Return what reads the windows of states that keep this plan, as `read_tier` does.

    Raises:
        KeyError: A value that the plan does not keep.
    """
    places = {tier.place: number for number, tier in enumerate(plan.tiers)}
    lines = ["into, missing, second = asked.into, asked.missing, asked.second"]
    lines += ["currency, others = asked.currency, asked.others"]
    lines += ["past, none = missing['outside_kept_range'], missing['no_history']"]
    lines += ["no_sum, no_max = (past, past) if is_unsummed else (0, none)"]
    for number, tier in enumerate(reads.tiers):
        lines += _read(tier, number, places[tier.place])
    function = _function("series, asked, is_unsummed", lines, {"tiers": reads.tiers})
    return Reader(plan, function)


@lru_cache(maxsize=256)
def compiled_adds(plan: Plan) -> AddTo:
    """Return what counts a payment in the buckets of its second, in the series of this plan.

    A bucket that was let go gets nothing; what is then too old or too much is let go.
    """
    lines = [
        "amount_minor, currency, is_declined = seen.amount_minor, seen.currency, seen.is_declined"
    ]
    lines += ["abnormal_milli = seen.abnormal_milli"]
    for number, tier in enumerate(plan.tiers):
        lines += _add(tier, number)
    function: AddTo = _function("series, second, seen", lines, {})
    return function


def _function(arguments: str, lines: list[str], names: dict[str, Any]) -> Any:
    text = "\n    ".join([f"def made({arguments}):", *lines])
    made: dict[str, Any] = {**_NAMES, **names}
    exec(compile(text, "<plan>", "exec"), made)  # noqa: S102  the text is of a plan's numbers and names alone, all our own
    return made["made"]


def _in(lines: Iterator[str]) -> list[str]:
    return [f"    {line}" for line in lines]


def _read(tier: TierReads, number: int, place: int) -> list[str]:
    return [
        f"one = series[{place}]",
        f"last = second // {tier.bucket_s}",
        "newest = one.newest",
        "if last < newest:",
        f"    read_tier(one, tiers[{number}], asked, is_unsummed=is_unsummed)",
        "else:",
        "    history, begin, end, floor = one.history, one.begin, one.end, one.floor",
        "    keys = history.keys",
        *_in(line for window in tier.windows for line in _window(window)),
    ]


def _window(window: WindowReads) -> Iterator[str]:
    yield f"first = last - {window.buckets - 1}"
    yield "if first < floor:"
    yield f"    {_all(window.slots)}past"
    yield "elif first > newest:"
    yield from _in(_empty(window))
    yield "else:"
    yield "    low = begin if keys[begin] >= first else bisect_left(keys, first, begin, end)"
    yield from _in(_filled(window))


def _all(slots: tuple[int, ...]) -> str:
    return "".join(f"into[{slot}] = " for slot in slots)


def _empty(window: WindowReads) -> Iterator[str]:
    counts = (*window.counts, *(slot for slot, _ in window.distincts), *window.abnormal)
    if counts:
        yield f"{_all(counts)}0"
    if window.sums:
        yield f"{_all(window.sums)}no_sum"
    if window.maxes:
        yield f"{_all(window.maxes)}no_max"
    means = tuple(slot for slot, _ in window.means)
    if means:
        yield f"{_all(means)}no_max"
    if window.shares or window.farthest:
        yield f"{_all((*window.shares, *window.farthest))}none"
    for slot, kind, is_share in window.pairs:
        yield f"if {kind!r} in others: into[{slot}] = {'none' if is_share else '0'}"


def _filled(window: WindowReads) -> Iterator[str]:
    yield "count = one.count - history.counts[low]"
    if window.counts:
        yield f"{_all(window.counts)}count"
    if window.sums:
        yield "total = one.sums.get(currency)"
        found = "no_sum if total is None else total - history.sums[currency][low]"
        yield f"{_all(window.sums)}{found}"
    if window.means:
        # The window's other values of a currency came before, so its total is known.
        if not window.sums:
            yield "total = one.sums.get(currency)"
        yield f"if total is None: {_all(tuple(slot for slot, _ in window.means))}no_max"
        yield "else:"
        yield from _in(_means(window))
    if window.abnormal:
        found = f"0 if far is None else far - history.sums[{ABNORMAL!r}][low]"
        yield f"far = one.sums.get({ABNORMAL!r})"
        yield f"{_all(window.abnormal)}{found}"
    if window.farthest:
        most = f"one.max_in({ABNORMAL!r}, (first, low, end))"
        yield f"far = {most} if {ABNORMAL!r} in one.tops else NONE_SEEN"
        yield f"{_all(window.farthest)}none if far < 0 else far"
    if window.maxes:
        yield "if currency in one.tops:"
        yield "    most = one.max_in(currency, (first, low, end))"
        yield f"    {_all(window.maxes)}none if most < 0 else most"
        yield f"else: {_all(window.maxes)}no_max"
    if window.shares:
        yield "judged = one.judged - history.judged[low]"
        declined = "1_000 * (one.declined - history.declined[low]) // judged"
        yield f"{_all(window.shares)}{declined} if judged else none"
    if window.distincts or window.pairs:
        yield "span = first, low, end"
        yield f"recent = one.recent_of({window.buckets}, span)"
        yield from _values(window)


def _means(window: WindowReads) -> Iterator[str]:
    number = f"currency + {NUMBER!r}"
    yield "number = one.sums[NAME] - history.sums[NAME][low]".replace("NAME", number)
    yield "part = total - history.sums[currency][low]"
    more = tuple(mean for mean in window.means if mean[1] != "window_mean")
    squares, over = "0", "0"
    if any(aggregate == "window_z" for _, aggregate in more):
        name = f"currency + {SQUARES!r}"
        squares = f"one.sums[{name}] - history.sums[{name}][low]"
        name = f"currency + {OVER!r}"
        yield f"cut = one.sums.get({name})"
        over = f"0 if cut is None else cut - history.sums[{name}][low]"
    plain = tuple(slot for slot, aggregate in window.means if aggregate == "window_mean")
    if plain:
        yield f"{_all(plain)}part // number if number else none"
    if more:
        yield f"read_means({more!r}, asked, number, part, {squares}, {over})"


def _values(window: WindowReads) -> Iterator[str]:
    yield "if recent is None:"
    yield "    pass"
    for slot, kind in window.distincts:
        yield f"    into[{slot}] = one.distinct({kind!r}, span)"
    yield "else:"
    yield "    pass"
    for slot, kind in window.distincts:
        yield f"    size = len(recent.times[{kind!r}])"
        yield f"    into[{slot}] = size if size <= DISTINCT_MAX else DISTINCT_MAX + 1"
    for kind in dict.fromkeys(kind for _, kind, _ in window.pairs):
        yield f"if {kind!r} in others:"
        yield f"    value = others[{kind!r}]"
        yield "    if recent is None or recent.full:"
        yield f"        part = one.count_of({kind!r}, value, span)"
        yield f"    else: part = recent.times[{kind!r}].get(value, 0)"
        for slot, of, is_share in window.pairs:
            if of == kind:
                # The window is not empty, so there is a whole to have a share of.
                found = "1_000 * part // count" if is_share else "part"
                yield f"    into[{slot}] = past if part is None else {found}"


def _add(tier: TierPlan, number: int) -> list[str]:
    lines = [
        f"one = series[{number}]",
        f"key = second // {tier.bucket_s}",
        "newest = one.newest",
        "if key < newest or key < one.floor:",
        "    one.add_late(key, seen)",
        "else:",
        "    if key > newest:",
        *_in(f"    {line}" for line in _open(tier)),
        "    one.count += 1",
    ]
    if tier.has_shares:
        lines += ["    if is_declined is not None:"]
        lines += ["        one.judged += 1", "        one.declined += is_declined"]
    if tier.of:
        lines += _in(_add_values(tier.of))
    if tier.has_sums:
        lines += _in(_add_sums(tier))
    if tier.has_maxes:
        lines += [
            "    if currency is not None:",
            "        most = one.tops.get(currency)",
            "        if most is None: most = one.new_maxes(currency)",
            "        if amount_minor > most: one.tops = {**one.tops, currency: amount_minor}",
        ]
    if tier.has_abnormal:
        lines += ["    if abnormal_milli is not None: one.add_abnormal(abnormal_milli)"]
    return lines


def _add_sums(tier: TierPlan) -> Iterator[str]:
    parts = ["currency: total + amount_minor"]
    check = "total is None or total > SUM_MAX - amount_minor"
    yield "if currency is not None:"
    yield "    sums = one.sums"
    yield "    total = sums.get(currency)"
    if tier.has_numbers:
        yield f"    number = currency + {NUMBER!r}"
        parts.append("number: sums[number] + 1")
    if tier.has_squares:
        yield f"    squares = currency + {SQUARES!r}"
        yield "    square = amount_minor * amount_minor"
        parts.append("squares: sums[squares] + square")
        check += " or amount_minor > SQUARED_MAX or sums[squares] > SUM_MAX - square"
    yield f"    if {check}:"
    yield "        one.add_amount(currency, amount_minor)"
    yield f"    elif len(sums) == {len(parts)}:"
    yield f"        one.sums = {{{', '.join(parts)}}}"
    yield "    else:"
    yield f"        one.sums = {{**sums, {', '.join(parts)}}}"


def _add_values(of: tuple[str, ...]) -> Iterator[str]:
    yield "heads, values, recent = one.heads, seen.values, one.recent"
    for place, kind in enumerate(of):
        yield f"bucket{place} = heads[{kind!r}]"
        yield f"value = values.get({kind!r})"
        yield "if value is not None:"
        yield f"    times = bucket{place}.get(value, 0)"
        yield f"    if times or len(bucket{place}) <= DISTINCT_MAX:"
        yield f"        bucket{place} = {{**bucket{place}, value: times + 1}}"
        yield "        if not times: one.entries += 1"
        yield "        if recent is not None:"
        yield f"            counted = recent.times[{kind!r}]"
        yield "            counted[value] = counted.get(value, 0) + 1"
        yield f"            if not times and len(bucket{place}) > DISTINCT_MAX: recent.full += 1"
    buckets = ", ".join(f"{kind!r}: bucket{place}" for place, kind in enumerate(of))
    yield f"one.heads = {{{buckets}}}"


def _open(tier: TierPlan) -> Iterator[str]:
    yield "if len(one.history.keys) != one.end: one.own()"
    yield "history, end = one.history, one.end"
    yield "keys = history.keys"
    yield "keys.append(key)"
    yield "history.counts.append(one.count)"
    if tier.has_shares:
        yield "history.judged.append(one.judged)"
        yield "history.declined.append(one.declined)"
    if tier.has_sums or tier.has_abnormal:
        yield "for held, total in one.sums.items(): append(history.sums, held, total)"
    yield "if end:"
    yield "    begin = one.begin"
    if tier.has_maxes or tier.has_abnormal:
        yield "    for held, most in one.tops.items(): history.maxes[held].append(most)"
        yield "    one.tops = dict.fromkeys(one.tops, NONE_SEEN)"
    if tier.of:
        yield "    heads, values = one.heads, history.values"
        for kind in tier.of:
            yield f"    values[{kind!r}].append(heads[{kind!r}])"
        yield f"    one.heads = {{{', '.join(f'{kind!r}: {{}}' for kind in tier.of)}}}"
    yield "    one.newest, one.end = key, end + 1"
    too_many = f"end - begin >= {tier.buckets_max}"
    yield f"    if key - keys[begin] >= {tier.kept} or {too_many}: one.trim()"
    yield "else: one.newest, one.end = key, 1"
