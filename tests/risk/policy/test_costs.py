"""The cheapest action: what risk and amount do to it, the same one by one and over columns."""

import hashlib
import tomllib
from importlib import resources
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.offline.costs import HarmColumns, Rows, cheapest_of_rows, expected_of_rows
from risk.policy.costs import (
    ACTIONS,
    CHALLENGES,
    Menu,
    cheapest,
    check_costs,
    menu_of,
    outcome_of,
)
from risk.strategy import load_strategy

# The figures of the file without its sentences. They were fixed before anything was measured with
# them: a change is a new version, and docs/evaluate.md is measured anew.
FROZEN = "5615c84c8d5d009245183b87cd0aae0702f8544742d34901e938aa12d44cba2d"
STRATEGY = load_strategy()
COSTS = STRATEGY.costs
LAW = settings(deadline=None, max_examples=300)
SHARES = st.floats(0.0, 1.0)
HARMS = st.tuples(SHARES, SHARES, SHARES).map(
    lambda one: tuple(x / max(1.0, sum(one)) for x in one)
)
AMOUNTS = st.integers(0, 10**10)
CURRENCIES = st.sampled_from(["CNY", "JPY", "XAU"])
WEIGHTS = st.sampled_from([1_000, 2_000])
LEVELS = st.integers(0, 4)
MENUS = st.builds(
    lambda actions, proved: Menu(
        ("approve", *(one for one in ACTIONS if one in actions and 0 < STRONG[one] > proved)),
        proved,
    ),
    st.sets(st.sampled_from(ACTIONS[1:])),
    LEVELS,
)
STRONG = {one: CHALLENGES.get(one, 5) for one in ACTIONS}
EVERYTHING = Menu(ACTIONS)
change = msgspec.structs.replace


def test_the_figures_are_those_that_costs_were_measured_with() -> None:
    figures = tomllib.loads((resources.files("risk.policy") / "costs.toml").read_text())
    del figures["sources"]

    written = msgspec.json.encode(figures, order="sorted")
    assert hashlib.sha256(written).hexdigest() == FROZEN


@pytest.fixture(scope="session")
def asked(payment) -> Any:
    """Return what the cheapest action is, by its rank."""

    def run(harms, amount, *, menu=EVERYTHING, currency="CNY", weight=1_000) -> int:
        facts = payment(amount_minor=amount, currency=currency)
        return ACTIONS.index(cheapest(COSTS, harms, facts, menu, weight_milli=weight).action)

    return run


@LAW
@given(HARMS, AMOUNTS, MENUS, CURRENCIES, WEIGHTS, st.integers(0, 2), SHARES)
def test_more_risk_never_makes_it_milder(
    asked, harms, amount, menu, currency, weight, which, part
) -> None:
    given_up = part * max(0.0, 1.0 - sum(harms))
    riskier = tuple(one + given_up * (place == which) for place, one in enumerate(harms))
    of = {"menu": menu, "currency": currency, "weight": weight}

    assert asked(riskier, amount, **of) >= asked(harms, amount, **of)


@LAW
@given(HARMS, AMOUNTS, MENUS, CURRENCIES, WEIGHTS, AMOUNTS)
def test_more_money_never_makes_it_milder(
    asked, harms, amount, menu, currency, weight, more
) -> None:
    of = {"menu": menu, "currency": currency, "weight": weight}

    assert asked(harms, amount + more, **of) >= asked(harms, amount, **of)


@LAW
@given(HARMS, AMOUNTS, MENUS, CURRENCIES)
def test_a_protected_payer_is_never_treated_milder_nor_refused_for_it(
    asked, harms, amount, menu, currency
) -> None:
    plain = asked(harms, amount, menu=menu, currency=currency)
    weighed = asked(harms, amount, menu=menu, currency=currency, weight=2_000)

    assert weighed >= plain
    assert (weighed == ACTIONS.index("decline")) == (plain == ACTIONS.index("decline"))


@LAW
@given(HARMS, AMOUNTS, LEVELS, LEVELS)
def test_more_proof_never_makes_it_stronger(asked, harms, amount, level, more) -> None:
    def menu(proved: int) -> Menu:
        return Menu(
            tuple(one for one in ACTIONS if CHALLENGES.get(one, 9) > proved), min(proved, 4)
        )

    less, proved = menu(level), menu(min(4, level + more))
    strength = [outcome_of(ACTIONS[asked(harms, amount, menu=one)]) for one in (proved, less)]

    order = ["approve", "challenge", "review", "hold", "decline"]
    assert order.index(strength[0]) <= order.index(strength[1])


@LAW
@given(st.lists(st.tuples(HARMS, AMOUNTS), min_size=1, max_size=20), MENUS, CURRENCIES, WEIGHTS)
def test_over_columns_it_is_the_same(payment, rows, menu, currency, weight) -> None:
    harms = HarmColumns(*(np.array([one[0][place] for one in rows]) for place in range(3)))
    amounts = np.array([amount for _, amount in rows], np.int64)
    columns = Rows(harms, amounts, currency)

    found = cheapest_of_rows(COSTS, columns, menu, weight_milli=weight)
    losses = expected_of_rows(COSTS, columns, menu)[0]

    one_by_one = [
        cheapest(
            COSTS, one, payment(amount_minor=amount, currency=currency), menu, weight_milli=weight
        )
        for one, amount in rows
    ]
    assert [menu.actions[place] for place in found] == [one.action for one in one_by_one]
    assert list(losses) == [one.loss_minor for one in one_by_one]


@pytest.mark.parametrize(
    ("harms", "amount", "action"),
    [
        # 100 yuan, one in ten thousand: nothing pays.
        ((0.0001, 0.0, 0.0), 10_000, "approve"),
        # 1,000 yuan, one in a hundred: a code costs 2.5 yuan and saves 8.6.
        ((0.01, 0.0, 0.0), 100_000, "challenge_2"),
        # A proof stops no scam, so none below level 4 is ever worth its price.
        ((0.0, 0.015, 0.0), 100_000, "challenge_4"),
        ((0.0, 0.10, 0.0), 100_000, "hold"),
        ((0.99, 0.0, 0.0), 100_000, "decline"),
    ],
)
def test_decisions_that_people_may_argue_about(asked, harms, amount, action) -> None:
    assert ACTIONS[asked(harms, amount)] == action


def test_where_nothing_but_review_can_be_done_it_is_worth_more_than_its_price(asked) -> None:
    menu = Menu(("approve", "review"))

    # 3 yuan of work and what a tenth of genuine payers cost, against 65 yuan times the risk.
    assert ACTIONS[asked((0.05, 0.0, 0.0), 5_000, menu=menu)] == "approve"
    assert ACTIONS[asked((0.08, 0.0, 0.0), 5_000, menu=menu)] == "review"


@pytest.mark.parametrize(
    ("given", "preset", "actions", "proved"),
    [
        ({}, "CN", ACTIONS, 0),
        ({}, "judge_only", ("approve", "review", "hold", "decline"), 0),
        ({"initiator": "merchant"}, "CN", ("approve", "review", "hold", "decline"), 0),
        ({"stage": "in_flight"}, "CN", ("approve", "hold", "decline"), 0),
        ({}, "CN", ("approve", *ACTIONS[4:]), 3),
        ({"stage": "payout"}, "CN", ("approve", *ACTIONS[3:]), 2),
    ],
)
def test_the_menu_is_what_can_be_done(payment, known, given, preset, actions, proved) -> None:
    found = menu_of(payment(**given), known(level_proved=proved), STRATEGY.preset(preset))

    assert found == Menu(actions, proved)


def of_action(action: str, **given: Any) -> dict[str, Any]:
    return {"actions": {**COSTS.actions, action: change(COSTS.actions[action], **given)}}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (of_action("hold", drop_out_milli=90), "no less than a milder"),
        (of_action("decline", handling_milli=0), "no less than a milder"),
        (
            of_action("hold", catch_milli={"unauthorized": 0, "scam": 850, "first_party": 700}),
            "no less than a milder",
        ),
        (of_action("hold", catch_milli={"scam": 850}), "catches a share of"),
        (of_action("approve", handling_milli=1), "approval"),
        ({"actions": {}}, "exactly the actions"),
        ({"priors_ppm": {"scam": 1}}, "a prior for each"),
        ({"goodwill_milli": 449}, "goodwill"),
        ({"sources": COSTS.sources[1:]}, "one source line"),
    ],
)
def test_costs_under_which_the_laws_would_not_hold_are_refused(given, why) -> None:
    with pytest.raises(ValueError, match=why):
        check_costs(change(COSTS, **given))
