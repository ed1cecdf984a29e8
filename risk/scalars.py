"""Values without a window, from what an entity keeps besides its buckets. Pure."""

import math
from typing import Final, Protocol

from risk.amounts import (
    NORMAL_FROM,
    Usual,
    Weighted,
    deviation_of,
    log_z_of,
    ratio_of,
    z_of,
)
from risk.plan import Plan, Want
from risk.reading import Asked, Unknown

_OF_TIMES: Final = frozenset({"since_last", "since_first", "since_abnormal", "usual_gap"})


class Keeps(Protocol):
    """What such values are read from; `EntityState` is one."""

    plan: Plan
    times: tuple[int, int] | None
    amounts: dict[str, Weighted]
    usuals: dict[str, Usual]
    gap: tuple[int, float]
    abnormal_at: int | None
    last_uses: dict[str, dict[int, int]]
    let_go: frozenset[str]
    has_other_currencies: bool
    unrated_at: int | None


def read_scalars(state: Keeps, wants: tuple[Want, ...], asked: Asked) -> None:
    """Write values without a window into their places."""
    into, missing = asked.into, asked.missing
    weighted = _weighted(state, asked.currency)
    for want in wants:
        found: int | Unknown
        if want.of is not None:
            if want.of not in asked.others:
                # Whoever fills the vector says which entity the payment lacks.
                continue
            found = _since_use(state, want.of, asked)
        elif want.aggregate in _OF_TIMES:
            found = _of_times(state, want.aggregate, asked.second)
        elif isinstance(weighted, str):
            found = weighted
        else:
            found = _of_amounts(state, want.aggregate, weighted, asked)
        into[want.slot] = missing[found] if isinstance(found, str) else found


def _weighted(state: Keeps, currency: str) -> tuple[float, float] | Unknown:
    """Return the weighted mean, above 0, and variance of the amounts of a currency."""
    known = state.amounts.get(currency)
    if known is None:
        if not state.plan.has_amounts:
            return "not_loaded"
        return "outside_kept_range" if state.has_other_currencies else "no_history"
    count, mean, variance = known
    return "no_history" if count < NORMAL_FROM or mean <= 0 else (mean, variance)


def _of_amounts(
    state: Keeps, aggregate: str, weighted: tuple[float, float], asked: Asked
) -> int | Unknown:
    mean, variance = weighted
    amount = asked.amount_minor
    if aggregate == "to_normal":
        return ratio_of(amount, mean)
    if aggregate == "z":
        return z_of(amount, mean, deviation_of(variance, mean))
    if aggregate in {"mean", "deviation"}:
        return int((mean if aggregate == "mean" else math.sqrt(variance)) + 0.5)
    return _of_usual(state.usuals.get(asked.currency), aggregate, amount)


def _of_usual(usual: Usual | None, aggregate: str, amount: int) -> int | Unknown:
    if usual is None:
        return "not_loaded"
    if aggregate == "log_z":
        return log_z_of(amount, usual)
    return ratio_of(amount, usual[1]) if usual[1] > 0 else "no_history"


def _of_times(state: Keeps, aggregate: str, second: int) -> int | Unknown:
    if aggregate == "usual_gap":
        count, mean = state.gap
        # As many payments as say what is normal have one gap less.
        if count + 1 < NORMAL_FROM:
            return "no_history" if state.plan.has_gaps else "not_loaded"
        return int(mean + 0.5)
    if aggregate == "since_abnormal":
        return _since_abnormal(state, second)
    if state.times is None:
        return "no_history" if state.plan.has_times else "not_loaded"
    return max(second - state.times[aggregate == "since_last"], 0)


def _since_abnormal(state: Keeps, second: int) -> int | Unknown:
    if not state.plan.has_abnormal:
        return "not_loaded"
    newest, unrated = state.abnormal_at, state.unrated_at
    if unrated is not None and (newest is None or newest < unrated):
        return "outside_kept_range"
    return "no_history" if newest is None else max(second - newest, 0)


def _since_use(state: Keeps, kind: str, asked: Asked) -> int | Unknown:
    used = state.last_uses.get(kind, {}).get(asked.others[kind])
    if used is not None:
        return max(asked.second - used, 0)
    if kind not in state.plan.since:
        return "not_loaded"
    return "outside_kept_range" if kind in state.let_go else "no_history"
