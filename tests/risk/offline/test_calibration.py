"""Probabilities that mean what they say, and ones that do not."""

import numpy as np
import pytest

from risk.offline.calibration import BINS, calibration, fit_platt, logit, sigmoid

RANDOM = np.random.default_rng(11)
TRUE = sigmoid(RANDOM.normal(-3.0, 2.0, 100_000))
CAME = RANDOM.random(len(TRUE)) < TRUE


def test_what_is_drawn_by_its_own_probability_is_calibrated():
    found = calibration(TRUE, CAME)

    assert found.ece < 0.006
    assert found.riskiest < 0.03
    assert found.slope == pytest.approx(1.0, abs=0.03)
    assert found.brier < 0.75 * found.brier_constant
    assert len(found.bins) == BINS
    assert {one.count for one in found.bins} == {5_000}


def test_errors_are_what_they_are_by_hand():
    said = np.array([0.2] * 100 + [0.6] * 100)
    came = np.array([True] * 30 + [False] * 70 + [True] * 50 + [False] * 50)

    found = calibration(said, came)

    # Equal scores keep their order, so that each bin holds ten payments of one kind.
    assert found.ece == pytest.approx((30 * 0.8 + 70 * 0.2 + 50 * 0.4 + 50 * 0.6) / 200)
    assert found.tail.count == 2
    assert found.riskiest == pytest.approx(0.6)
    assert found.brier == pytest.approx((30 * 0.64 + 70 * 0.04 + 50 * 0.16 + 50 * 0.36) / 200)
    assert found.brier_constant == pytest.approx(0.4 * 0.6)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_slope_says_how_far_log_odds_are_too_large(scale):
    stretched = sigmoid(scale * logit(TRUE))

    assert calibration(stretched, CAME).slope == pytest.approx(1 / scale, rel=0.03)


def test_platt_mends_stretched_and_shifted_margins():
    found = fit_platt(2.0 * logit(TRUE) + 3.0, CAME)

    assert found.a == pytest.approx(0.5, rel=0.03)
    assert found.b == pytest.approx(-1.5, rel=0.06)
    assert calibration(found(2.0 * logit(TRUE) + 3.0), CAME).ece < 0.004


def test_platt_stays_finite_where_a_margin_tells_all():
    found = fit_platt(np.array([-1.0] * 50 + [1.0] * 50), np.array([False] * 50 + [True] * 50))

    assert 0.97 < found(np.array([1.0]))[0] < 1.0


def test_log_odds_and_probabilities_go_back_and_forth():
    values = np.array([-30.0, -5.0, 0.0, 5.0, 30.0])

    assert logit(sigmoid(values)) == pytest.approx(values, rel=1e-3)
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()
