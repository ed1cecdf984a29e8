"""The rows that a model learns from are the rows that back-tests and serving give it."""

from pathlib import Path

import numpy as np
import pytest

from risk.models.inputs import input_names
from risk.offline.columns import ABSENT, MISSING, compute
from risk.offline.examples import features_of, matrix, taught, varied
from risk.offline.history import History, Told
from risk.offline.inputs import columns_of
from risk.offline.outcomes import Outcomes
from risk.strategy import Strategy
from service.cli.train.reading import read
from tests.support.labelled import payments, written


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> History:
    file: Path = tmp_path_factory.mktemp("examples") / "history.csv"
    found = read(written(file, payments(600, seed=2)), "handbook", preset="CN")
    second = found.history.columns.second
    labels = found.outcomes.labels(second)
    return found.history._replace(columns=found.history.columns._replace(labels=labels))


def test_inputs_are_those_of_a_back_test(history: History, strategy: Strategy) -> None:
    names = input_names(strategy.features)
    rows = np.arange(50, 600, 7)

    found = matrix(history, strategy, names, rows)

    whole = columns_of(names, Told(history, strategy), compute(history.columns, strategy.features))
    # Where nobody names an entity, its features are not known: counts online are then missing too.
    same = [place for place, name in enumerate(names) if not np.isnan(found[:, place]).all()]
    assert len(same) > 20
    assert np.array_equal(found[:, same], whole[rows][:, same], equal_nan=True)


def test_features_are_those_of_the_rows(history: History, strategy: Strategy) -> None:
    rows = np.array([3, 400, 599])

    found = features_of(
        history, strategy, ("payer_payment_count_24h", "device_payment_count_1h"), rows
    )

    whole = compute(history.columns, strategy.features)["payer_payment_count_24h"]
    assert list(found["payer_payment_count_24h"]) == list(whole[rows])
    assert list(found["device_payment_count_1h"]) == [MISSING] * 3


def test_no_payment_is_taken_for_one_that_was_not_declined(
    history: History, strategy: Strategy
) -> None:
    names = [one.name for one in strategy.features.features if "declined" in one.name]
    nothing = Outcomes(np.full(history.size, ABSENT), np.zeros(history.size, np.int64))

    found = matrix(taught(history, nothing), strategy, names, np.arange(history.size))

    assert names
    assert np.isnan(found).all()


def test_a_text_is_no_input(history: History, strategy: Strategy) -> None:
    with pytest.raises(ValueError, match="currency"):
        matrix(history, strategy, ("currency",), np.array([0]))


def test_inputs_of_one_value_are_left_out() -> None:
    none = np.nan
    inputs = np.array([[1, 1, none, none, 2], [1, 2, none, 3, none]], np.float32)

    assert list(varied(inputs)) == [1, 3, 4]
