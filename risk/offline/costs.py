"""The cheapest action over columns: the sums of risk/policy/costs.py, operation by operation."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from risk.policy.costs import PLAIN_MILLI, Costs, Menu

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class HarmColumns(NamedTuple):
    """Probability of each harm, shape (n,); the rest to 1 is genuine."""

    unauthorized: Floats
    scam: Floats
    first_party: Floats


class Rows(NamedTuple):
    """Payments of one currency.

    Attributes:
        amount_minor: Shape (n,).
    """

    harms: HarmColumns
    amount_minor: Ints
    currency: str


def cheapest_of_rows(
    costs: Costs, rows: Rows, menu: Menu, *, weight_milli: int = PLAIN_MILLI
) -> Ints:
    """Return each row's cheapest action, as its place in the menu; shape (n,).

    Args:
        costs: The figures.
        rows: The payments.
        menu: What can be done with any of them.
        weight_milli: What harm weighs, in thousandths; see risk/policy/costs.py.
    """
    least: Ints = np.argmin(expected_of_rows(costs, rows, menu), axis=0).astype(np.int64)
    if weight_milli > PLAIN_MILLI:
        milder = Menu(tuple(one for one in menu.actions if one != "decline"), menu.proved)
        weighed = expected_of_rows(costs, rows, milder, weight=weight_milli / 1_000.0)
        # The last of a menu is refusal, if it has one.
        is_refused = least >= len(milder.actions)
        least = np.where(is_refused, least, np.argmin(weighed, axis=0).astype(np.int64))
    return least


def expected_of_rows(costs: Costs, rows: Rows, menu: Menu, *, weight: float = 1.0) -> Floats:
    """Return what each action of a menu costs on average, minor units, shape (actions, n).

    With probabilities of 0 and 1 it is what the action costs once the truth is known.
    """
    table, (unauthorized, scam, first_party) = costs.table(rows.currency), rows.harms
    amount = rows.amount_minor.astype(np.float64)
    missing = amount + table.miss
    genuine = np.maximum(0.0, 1.0 - (unauthorized + scam + first_party))
    losing = amount * table.margin + table.goodwill
    found = np.empty((len(menu.actions), len(amount)))
    for place, action in enumerate(menu.actions):
        (by_others, by_deceit, by_payer), drop_out, handling = table.rows[menu.proved][action]
        missed = unauthorized * by_others + scam * by_deceit + first_party * by_payer
        found[place] = missed * weight * missing + genuine * drop_out * losing + handling
    return found
