"""What decisions would have cost: the rule of least expected cost against every fixed threshold.

What came is known here, so an action costs what it costs on average once the truth is known: a
proof still catches only its share of strangers. The threshold is chosen in hindsight, with its
action, so that no threshold that could have been chosen in time is better.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from risk.models.calibration import probabilities_of_rows
from risk.models.manifest import HEADS, HeadName
from risk.offline.costs import HarmColumns, Rows, cheapest_of_rows, expected_of_rows
from risk.policy.costs import Costs, Menu

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Reports show costs as they are in the file, halved and doubled.
SCALES_MILLI: Final = (1_000, 500, 2_000)
POINTS: Final = 200
APPROVE: Final = "approve"


class Judged(NamedTuple):
    """Payments of one currency with what was said of them and what came.

    Attributes:
        heads: Head -> calibrated probability, shape (n,).
        came: Head -> whether the payment was that harm, shape (n,).
        amount_minor: Shape (n,).
    """

    heads: Mapping[HeadName, Floats]
    came: Mapping[HeadName, Flags]
    amount_minor: Ints
    currency: str


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed rule: one action from a probability on, approval below.

    Attributes:
        at: The lowest probability that gets the action; above 1 where none does.
        cost_minor: Of all payments.
    """

    action: str
    at: float
    cost_minor: float


class Costed(msgspec.Struct, frozen=True, kw_only=True):
    """What rules cost on the same payments, in minor units.

    Attributes:
        scale_milli: What the file's figures were multiplied by, in thousandths.
        rule_minor: The action of least expected cost for each payment.
        best: The cheapest of all fixed thresholds, chosen in hindsight.
        approve_minor: Everything approved.
        truth_minor: The cheapest action for each payment, had the truth been known.
        actions: How often the rule took which action.
        curve: Threshold -> cost, of the best threshold's action.
    """

    scale_milli: int
    rule_minor: float
    best: Threshold
    approve_minor: float
    truth_minor: float
    actions: dict[str, int]
    curve: tuple[tuple[float, float], ...]


def scaled(costs: Costs, scale_milli: int) -> Costs:
    """Return costs whose figures of money are multiplied; shares stay as they are."""

    def times(figure: int) -> int:
        return figure * scale_milli // 1_000

    return msgspec.structs.replace(
        costs,
        miss_fixed_milli=times(costs.miss_fixed_milli),
        margin_milli=times(costs.margin_milli),
        goodwill_milli=times(costs.goodwill_milli),
        actions={
            name: msgspec.structs.replace(one, handling_milli=times(one.handling_milli))
            for name, one in costs.actions.items()
        },
    )


def compare(judged: Judged, costs: Costs, menu: Menu, *, scale_milli: int) -> Costed:
    """Return what the rule of least expected cost costs, and what thresholds do.

    Args:
        judged: The payments.
        costs: The file's figures.
        menu: What can be done with any of them, approval first.
        scale_milli: What the figures are multiplied by.
    """
    own = scaled(costs, scale_milli)
    priors = {head: costs.priors_ppm[head] / 1e6 for head in HEADS}
    said = probabilities_of_rows(judged.heads, priors)
    expected = HarmColumns(said["unauthorized"], said["scam"], said["first_party"])
    chosen = cheapest_of_rows(own, Rows(expected, judged.amount_minor, judged.currency), menu)
    none = np.zeros(len(chosen))
    truth = HarmColumns(*(judged.came.get(head, none).astype(np.float64) for head in HEADS))
    real = expected_of_rows(own, Rows(truth, judged.amount_minor, judged.currency), menu)
    best, curve = _best(real, 1.0 - said["normal"], menu)
    counts = np.bincount(chosen, minlength=len(menu.actions))
    return Costed(
        scale_milli=scale_milli,
        rule_minor=float(real[chosen, np.arange(len(chosen))].sum()),
        best=best,
        approve_minor=float(real[menu.actions.index(APPROVE)].sum()),
        truth_minor=float(real.min(axis=0).sum()),
        actions={str(name): int(one) for name, one in zip(menu.actions, counts, strict=True)},
        curve=curve,
    )


def _best(
    real: Floats, fraud: Floats, menu: Menu
) -> tuple[Threshold, tuple[tuple[float, float], ...]]:
    """Return the cheapest threshold of all, and the cost of its action at each threshold."""
    order = np.argsort(-fraud, kind="stable")
    by_risk = fraud[order]
    # Payments of one probability are on one side.
    ends = np.flatnonzero(np.r_[by_risk[1:] != by_risk[:-1], True])
    approve = real[menu.actions.index(APPROVE)][order]
    found: list[tuple[Threshold, Floats]] = []
    for place, action in enumerate(menu.actions):
        if action == APPROVE:
            continue
        more = np.cumsum(real[place][order] - approve)[ends]
        total = approve.sum() + np.r_[0.0, more]
        least = int(np.argmin(total))
        at = 2.0 if least == 0 else float(by_risk[ends[least - 1]])
        found.append((Threshold(action=action, at=at, cost_minor=float(total[least])), total))
    best, total = min(found, key=lambda one: one[0].cost_minor)
    at = np.r_[1.0, by_risk[ends]]
    places = np.unique(np.searchsorted(-at, -np.logspace(0.0, -4.0, POINTS)))
    places = places[places < len(at)]
    curve = tuple(zip(at[places].tolist(), total[places].tolist(), strict=True))
    return best, curve
