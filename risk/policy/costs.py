"""What each outcome of a payment is expected to cost, and which is the cheapest. Pure.

Expected cost with least risk: Bahnsen et al., Example-dependent cost-sensitive learning (2013 to
2015). The same sums over columns are in risk/offline/costs.py; a test holds both equal, bit by bit.
"""

from functools import cached_property
from itertools import pairwise
from typing import Annotated, Final, Literal, NamedTuple, cast, get_args

import msgspec

from risk.facts import Circumstances, Facts, Outcome
from risk.feature import COUNTED_AT
from risk.models.manifest import HEADS, HeadName
from risk.policy.shapes import Preset, Source

Action = Literal[
    "approve",
    "challenge_1",
    "challenge_2",
    "challenge_3",
    "challenge_4",
    "review",
    "hold",
    "decline",
]
# In rising order of strength, as their outcomes are.
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
CHALLENGES: Final[dict[str, int]] = {
    "challenge_1": 1,
    "challenge_2": 2,
    "challenge_3": 3,
    "challenge_4": 4,
}
Milli = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
FixedMilli = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]
Ppm = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Unit = Annotated[int, msgspec.Meta(ge=1, le=100_000_000)]
Harms = tuple[float, float, float]
LEVEL_MAX: Final = 4
PLAIN_MILLI: Final = 1_000
# No currency's code.
_OTHER: Final = ""


class ActionCost(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an action does.

    Attributes:
        catch_milli: Thousandths of each harm that do not happen.
        drop_out_milli: Thousandths of genuine payments that do not come about.
        handling_milli: Work for each payment, thousandths of a unit.
    """

    catch_milli: dict[HeadName, Milli]
    drop_out_milli: Milli
    handling_milli: FixedMilli


class OtherUnit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One unit in a currency that has no figure of its own."""

    minor: Unit


class Costs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The costs file: fixed figures in thousandths of a unit, see `units`.

    Attributes:
        miss_fixed_milli: What a miss costs besides the amount.
        margin_milli: Thousandths of the amount of a genuine payment that is lost with it.
        goodwill_milli: What losing one costs besides.
        protected_harm_milli: What harm to a protected payer weighs, in thousandths.
        capacity_ppm: How many payments in a million officers can look at; for reports.
        priors_ppm: How likely each harm is where no model says so.
        units: Currency -> minor units of one unit.
        sources: One for each figure.
    """

    version: int
    miss_fixed_milli: FixedMilli
    margin_milli: Milli
    goodwill_milli: FixedMilli
    protected_harm_milli: Annotated[int, msgspec.Meta(ge=1_000, le=100_000)]
    capacity_ppm: Ppm
    priors_ppm: dict[HeadName, Ppm]
    actions: dict[Action, ActionCost]
    units: dict[str, Unit]
    other_unit: OtherUnit
    sources: tuple[Source, ...]

    def table(self, currency: str) -> "Table":
        """Return the figures in minor units of a currency."""
        return self._tables.get(currency) or self._tables[_OTHER]

    @cached_property
    def _tables(self) -> "dict[str, Table]":
        units = {**self.units, _OTHER: self.other_unit.minor}
        return {currency: _table(self, unit) for currency, unit in units.items()}


class Row(NamedTuple):
    """One action.

    Attributes:
        missed: Share of each harm that still happens.
        drop_out: Share of genuine payments that do not come about.
        handling: In minor units.
    """

    missed: Harms
    drop_out: float
    handling: float


class Table(NamedTuple):
    """The figures in one currency: shares of 1, and minor units.

    Attributes:
        rows: By the level that is proved, and by action; what is proved is caught by all.
    """

    miss: float
    margin: float
    goodwill: float
    rows: tuple[dict[Action, Row], ...]


class Menu(msgspec.Struct, frozen=True):
    """What can be done with a payment.

    Attributes:
        actions: In rising order of strength, the first of them `approve`.
        proved: The level that is proved already; what its proof catches is caught.
    """

    actions: tuple[Action, ...]
    proved: int = 0


_LEVELS: Final = range(LEVEL_MAX + 1)
_IN_FLIGHT: Final = tuple(Menu(("approve", "hold", "decline"), level) for level in _LEVELS)
_WITHOUT_PROOF: Final = tuple(
    Menu(("approve", "review", "hold", "decline"), level) for level in _LEVELS
)
_WITH_PROOF: Final = tuple(
    Menu(tuple(one for one in ACTIONS if CHALLENGES.get(one, LEVEL_MAX + 1) > level), level)
    for level in _LEVELS
)


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """Which action costs least.

    Attributes:
        action: The mildest of the cheapest.
        loss_minor: Expected loss of letting the payment through as it stands.
    """

    action: Action
    loss_minor: float


def menu_of(facts: Facts, circumstances: Circumstances, preset: Preset) -> Menu:
    """Return what can be done with a payment: proof only where it can still be asked for."""
    proved = circumstances.level_proved
    if facts.stage == "in_flight":
        return _IN_FLIGHT[proved]
    if facts.stage not in COUNTED_AT or not preset.asks_level or facts.initiator != "payer":
        return _WITHOUT_PROOF[proved]
    return _WITH_PROOF[proved]


def cheapest(costs: Costs, harms: Harms, facts: Facts, menu: Menu, *, weight_milli: int) -> Priced:
    """Return the action of least expected cost.

    Args:
        costs: The figures.
        harms: Probability of each of `HEADS`; the rest to 1 is genuine.
        facts: Amount and currency.
        menu: What can be done.
        weight_milli: What harm weighs, in thousandths. More than its money never refuses: where
            the money alone would not refuse, the others are compared.
    """
    table, amount = costs.table(facts.currency), facts.amount_minor
    plain = _expected(table, menu, harms, amount, weight=1.0)
    least = menu.actions[plain.index(min(plain))]
    if weight_milli > PLAIN_MILLI and least != "decline":
        milder = Menu(tuple(one for one in menu.actions if one != "decline"), menu.proved)
        weighed = _expected(table, milder, harms, amount, weight=weight_milli / 1_000.0)
        least = milder.actions[weighed.index(min(weighed))]
    return Priced(action=least, loss_minor=plain[0])


def outcome_of(action: Action) -> Outcome:
    """Return the outcome that an action is."""
    return "challenge" if action in CHALLENGES else cast("Outcome", action)


def check_costs(costs: Costs) -> None:
    """Check what makes the cheapest action rise with risk and with the amount.

    Raises:
        ValueError: A stronger action catches less, loses fewer, or costs less work; a lost payment
            grows faster with the amount than a miss; a figure has no reason, or a kind of harm
            no figure.
    """
    if set(costs.actions) != set(ACTIONS):
        raise ValueError(f"the costs have exactly the actions {', '.join(ACTIONS)}")
    ordered = [costs.actions[one] for one in ACTIONS]
    if any(set(one.catch_milli) != set(HEADS) for one in ordered):
        raise ValueError(f"each action catches a share of {', '.join(HEADS)}")
    if set(costs.priors_ppm) != set(HEADS):
        raise ValueError(f"there is a prior for each of {', '.join(HEADS)}")
    for milder, stronger in pairwise(ordered):
        rises = [(milder.catch_milli[head], stronger.catch_milli[head]) for head in HEADS]
        rises.append((milder.drop_out_milli, stronger.drop_out_milli))
        rises.append((milder.handling_milli, stronger.handling_milli))
        if any(low > high for low, high in rises):
            raise ValueError("a stronger action catches, loses and costs no less than a milder one")
    first = ordered[0]
    if first.drop_out_milli or first.handling_milli or any(first.catch_milli.values()):
        raise ValueError("approval catches nothing, loses nobody and costs no work")
    # A refusal of a small payment that a greater one would not meet: the loss of a genuine payment
    # may not grow faster with the amount, beside its fixed part, than that of a miss.
    if 1_000 * costs.goodwill_milli < costs.margin_milli * costs.miss_fixed_milli:
        raise ValueError("goodwill is at least the margin of the fixed part of a miss")
    if cost_figures(costs) != {one.figure for one in costs.sources}:
        raise ValueError("each figure of the costs has one source line")


def cost_figures(costs: Costs) -> set[str]:
    """Return the names of the figures, each of which needs a source line."""
    named = set(Costs.__struct_fields__) - {"version", "actions", "sources"}
    return named | {f"actions.{one}" for one in costs.actions}


def _expected(table: Table, menu: Menu, harms: Harms, amount: int, *, weight: float) -> list[float]:
    """Return what each action of a menu costs on average, in minor units."""
    unauthorized, scam, first_party = harms
    missing = amount + table.miss
    genuine = max(0.0, 1.0 - (unauthorized + scam + first_party))
    losing = amount * table.margin + table.goodwill
    rows, found = table.rows[menu.proved], []
    for action in menu.actions:
        (by_others, by_deceit, by_payer), drop_out, handling = rows[action]
        missed = unauthorized * by_others + scam * by_deceit + first_party * by_payer
        found.append(missed * weight * missing + genuine * drop_out * losing + handling)
    return found


def _table(costs: Costs, unit: int) -> Table:
    def minor(milli: int) -> float:
        return milli * unit / 1_000.0

    caught = {name: _shares(one.catch_milli) for name, one in costs.actions.items()}
    proofs = sorted(CHALLENGES, key=lambda one: CHALLENGES[one])
    proved = [(0.0, 0.0, 0.0), *(caught[cast("Action", one)] for one in proofs)]
    return Table(
        miss=minor(costs.miss_fixed_milli),
        margin=costs.margin_milli / 1_000.0,
        goodwill=minor(costs.goodwill_milli),
        rows=tuple(
            {
                name: Row(
                    _missed(caught[name], already),
                    one.drop_out_milli / 1_000.0,
                    minor(one.handling_milli),
                )
                for name, one in costs.actions.items()
            }
            for already in proved
        ),
    )


def _missed(caught: Harms, already: Harms) -> Harms:
    return (
        1.0 - max(caught[0], already[0]),
        1.0 - max(caught[1], already[1]),
        1.0 - max(caught[2], already[2]),
    )


def _shares(milli: dict[HeadName, int]) -> Harms:
    return (
        milli["unauthorized"] / 1_000.0,
        milli["scam"] / 1_000.0,
        milli["first_party"] / 1_000.0,
    )
