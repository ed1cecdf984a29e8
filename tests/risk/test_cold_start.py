"""How unlike its own normal a payment is, one by one and over columns; what that may decide."""

from typing import get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.cold_start import AMOUNT, Signal, check_cold_start, names_read, unlike
from risk.feature import Counted, Entity
from risk.offline.cold_start import unlike_of_rows
from risk.offline.columns import ABSENT, MISSING, Columns, compute
from risk.strategy import load_strategy
from risk.vectors import Missing

COLD = load_strategy().cold_start
FEATURES = load_strategy().features
NAMES = names_read(COLD)
USUAL = {
    "payer_amount_to_usual": 1_000,
    "payer_payment_count_30d": 40,
    "payer_payment_count_24h": 1,
    "payee_amount_to_usual": 1_000,
}
UNKNOWN = Missing("no_history")
change = msgspec.structs.replace
# A strategy of one's own may count in plain deviations too.
DEVIATION = Signal(
    code="payer_amount",
    form="deviation",
    value=AMOUNT,
    normal="payer_amount_mean",
    spread="payer_amount_deviation",
    seen="payer_payment_count_30d",
    seen_from=5,
    least_milli=1_000,
    from_milli=1_000,
    to_milli=20_000,
    points=180,
)
OWN = change(COLD, signals=(DEVIATION, *COLD.signals[1:]))


@pytest.fixture
def usual(features):
    """Return a factory of vectors of a payer who pays as always; devices are not known."""
    device = {name: UNKNOWN for name in NAMES if name.startswith("device")}
    return lambda **given: features(**{**device, **USUAL, **given})


def test_a_usual_payment_has_the_score_of_the_base_and_no_probability(judge, usual) -> None:
    found = judge(usual())

    assert (found.basis, found.score, found.risk_level) == ("cold_start", COLD.base, "low")
    assert (found.probabilities, found.is_calibrated, found.model) == (None, False, None)
    assert (found.outcome, found.expected_loss_minor) == ("approve", None)


@pytest.mark.parametrize(
    ("given", "amount", "signal"),
    [
        ({"payer_amount_to_usual": 3_500}, 5_000, "payer_amount"),
        ({"payee_amount_to_usual": 8_000}, 5_000, "payee_amount"),
        ({"payer_payment_count_24h": 22}, 5_000, "payer_rate"),
        (
            {"device_payment_count_24h": 22, "device_payment_count_30d": 60},
            5_000,
            "device_rate",
        ),
    ],
)
def test_what_is_unlike_its_own_normal_is_asked_for_proof_and_named(
    judge, usual, given, amount, signal
) -> None:
    found = judge(usual(**given), amount_minor=amount)

    assert (found.risk_level, found.outcome, found.level) == ("medium", "challenge", 2)
    said = [reason.slots["signal"] for reason in found.reasons if reason.code == "unlike_normal"]
    assert said == [signal]


def test_it_refuses_and_holds_nobody_however_unlike(judge, usual) -> None:
    wild = usual(payee_amount_to_usual=10**6, payer_payment_count_24h=20)

    found = judge(wild, amount_minor=10**9, level_proved=3)

    assert (found.score, found.risk_level, found.outcome) == (COLD.max, "medium", "approve")
    mild = judge(usual(payee_amount_to_usual=10**6), preset="judge_only")
    assert (mild.risk_level, mild.outcome) == ("medium", "approve")


def test_without_any_history_there_is_no_score(judge, features) -> None:
    nothing = features(**dict.fromkeys(NAMES, UNKNOWN))

    found = judge(nothing, amount_minor=10**9, preset="judge_only")

    assert (found.basis, found.score, found.risk_level) == ("rules", None, "low")


def test_a_burst_of_a_payer_without_a_past_is_for_the_limit_on_speed(judge, usual) -> None:
    burst = usual(payer_payment_count_24h=25, payer_payment_count_30d=25)

    assert judge(burst).score == COLD.base


def test_an_execution_has_no_score(judge, usual) -> None:
    assert judge(usual(), stage="in_flight").score is None


VALUES = st.none() | st.integers(0, 60) | st.integers(0, 10**7)


@pytest.mark.long
@settings(deadline=None, max_examples=200)
@given(st.data())
@pytest.mark.parametrize("cold", [COLD, OWN], ids=["shipped", "own"])
def test_over_columns_it_is_the_same(cold, data) -> None:
    names = names_read(cold)
    one_row = st.fixed_dictionaries({**dict.fromkeys(names, VALUES), AMOUNT: st.integers(0, 10**9)})
    rows = data.draw(st.lists(one_row, min_size=1, max_size=20))
    columns = {
        name: np.array([MISSING if one[name] is None else one[name] for one in rows], np.int64)
        for name in names
    }
    amounts = np.array([one[AMOUNT] for one in rows], np.int64)

    found = unlike_of_rows(cold, columns, amounts)

    one_by_one = [unlike(cold, [one[name] for name in cold.reads]) for one in rows]
    assert list(found.score) == [MISSING if one.score is None else one.score for one in one_by_one]
    codes = [signal.code for signal in cold.signals]
    for row, one in enumerate(one_by_one):
        assert {code for code, gave in zip(codes, found.points[:, row] > 0, strict=True) if gave} \
            == set(one.signals)  # fmt: skip


def test_a_deviation_is_of_the_spread_or_of_a_share_of_the_normal_whichever_is_more() -> None:
    known = {"payer_amount_mean": 1_000, "payer_payment_count_30d": 5}

    def score(amount: int, spread: int) -> int | None:
        values = {**known, "payer_amount_deviation": spread, AMOUNT: amount}
        return unlike(OWN, [values.get(name) for name in OWN.reads]).score

    assert [score(2_000, 1), score(3_000, 1), score(3_000, 2_000)] == [
        OWN.base,
        OWN.base + 180,
        OWN.base,
    ]


@pytest.mark.parametrize("entity", ["payer", "payee"])
def test_one_outlier_hides_no_other(entity) -> None:
    """A plain mean and deviation would call the second amount of a thief usual."""
    amounts = np.array([5_000] * 40 + [1_000_000, 1_000_000], np.int64)
    size = len(amounts)
    columns = Columns(
        second=np.arange(size, dtype=np.int64) * 86_400 // 2,
        amount_minor=amounts,
        currency=np.zeros(size, np.int64),
        is_declined=np.full(size, -1),
        keys={
            **dict.fromkeys((*get_args(Entity), *get_args(Counted)), np.full(size, ABSENT)),
            entity: np.zeros(size, np.int64),
        },
    )
    values = compute(columns, FEATURES)
    plain = change(OWN, signals=(DEVIATION,))

    place = [signal.value for signal in COLD.signals].index(f"{entity}_amount_to_usual")
    found = unlike_of_rows(COLD, values, amounts).points[place]
    hidden = unlike_of_rows(plain, values, amounts).points[0]

    assert found[-1] == found[-2] == 20 * COLD.signals[place].points
    if entity == "payer":
        assert hidden[-1] < hidden[-2] / 5


SIGNAL = COLD.signals[0]


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"max": COLD.base - 1}, "at least its base"),
        ({"signals": (SIGNAL, SIGNAL)}, "share a code"),
        ({"signals": (change(SIGNAL, value="payer_shoe_size"),)}, "payer_shoe_size"),
        ({"signals": (change(DEVIATION, spread=None),)}, "of its form"),
        ({"signals": (change(DEVIATION, form="ratio"),)}, "of its form"),
        ({"signals": (change(DEVIATION, form="rate", spread=None),)}, "its own normal"),
    ],
)
def test_signals_that_could_not_be_read_are_refused(given, why) -> None:
    with pytest.raises(ValueError, match=why):
        check_cold_start(change(COLD, **given), FEATURES)


def test_no_signal_gives_points_for_less_than_the_usual() -> None:
    less = {**USUAL, "payer_amount_to_usual": 1, "payee_amount_to_usual": 1}

    assert unlike(COLD, [less.get(name) for name in COLD.reads]).signals == ()
