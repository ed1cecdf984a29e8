import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.models.calibration import (
    Scored,
    probabilities,
    probabilities_of,
    probabilities_of_rows,
    probability,
)
from risk.models.manifest import HEADS, Calibration

ONE = Calibration(a=0.9, b=-0.4)
NONE = dict.fromkeys(HEADS, 0.0)
told = st.one_of(st.none(), st.floats(0.0, 1.0))


def scored(unauthorized: float | None, scam: float | None, first_party: float | None) -> Scored:
    return Scored(model="m", unauthorized=unauthorized, scam=scam, first_party=first_party)


@given(told, told, told)
def test_intents_sum_to_one(unauthorized, scam, first_party) -> None:
    found = probabilities(scored(unauthorized, scam, first_party), dict.fromkeys(HEADS, 0.001))

    assert sum(found.values()) == pytest.approx(1.0, abs=1e-12)
    assert min(found.values()) > 0.0


def test_one_head_without_priors_keeps_its_probability() -> None:
    found = probabilities(scored(0.2, None, None), NONE)

    assert found["unauthorized"] == pytest.approx(0.2, abs=1e-8)
    assert found["normal"] == pytest.approx(0.8, abs=1e-8)


def test_a_prior_stands_in_for_a_head_that_is_not_there() -> None:
    with_prior = probabilities(scored(0.2, None, None), NONE | {"scam": 0.01})

    assert with_prior["scam"] == pytest.approx(0.008, abs=1e-3)
    assert with_prior["normal"] < probabilities(scored(0.2, None, None), NONE)["normal"]


@given(st.floats(0.01, 0.98), st.floats(0.0, 1.0))
def test_more_of_one_harm_is_never_more_of_normal(low, scam) -> None:
    less, more = (probabilities(scored(one, scam, None), NONE) for one in (low, low + 0.01))

    assert more["normal"] < less["normal"]
    assert more["unauthorized"] > less["unauthorized"]


@given(st.floats(-1e30, 1e30))
def test_any_margin_has_a_probability(margin) -> None:
    assert 0.0 <= probability(margin, ONE) <= 1.0


def test_many_rows_are_as_one_and_one() -> None:
    margins = np.array([-9.5, -0.25, 0.0, 3.75], np.float32)

    many = probabilities_of(margins, ONE)
    whole = probabilities_of_rows({"scam": many}, NONE | {"unauthorized": 0.01})

    for row, margin in enumerate(margins):
        one = probability(float(margin), ONE)
        assert many[row] == pytest.approx(one, rel=1e-14)
        each = probabilities(scored(None, one, None), NONE | {"unauthorized": 0.01})
        assert {name: values[row] for name, values in whole.items()} == pytest.approx(each)


def test_half_is_where_platts_line_crosses_zero() -> None:
    assert probability(0.4 / 0.9, ONE) == pytest.approx(0.5, abs=1e-12)
    assert math.isclose(probability(10.0, ONE), 1 / (1 + math.exp(-8.6)))
