"""A file read as a history, and learnt from by way of its inputs as well: the same model."""

from pathlib import Path

import numpy as np
import pytest

from risk.models.inputs import input_names
from risk.offline.examples import matrix, taught
from risk.offline.making import Asked, learn, learn_from
from risk.offline.split import Window
from risk.offline.train import Examples
from risk.strategy import load_strategy
from service.cli.train.reading import read
from tests.support.labelled import payments, written


@pytest.mark.long
def test_the_inputs_of_a_history_teach_what_the_history_teaches(tmp_path: Path) -> None:
    strategy = load_strategy()
    found = read(
        written(tmp_path / "history.csv", payments(1_500, seed=7)), "handbook", preset="CN"
    )
    second = found.history.columns.second
    outcomes = found.outcomes.after(86_400, second)
    end = int(second[-1]) + 1
    names = input_names(strategy.features)
    asked = Asked(Window(int(second[0]), end - 86_400), end, names)
    whole = taught(found.history, outcomes.until(end))
    inputs = matrix(whole, strategy, names, np.arange(found.history.size))

    of_history = learn(found.history, outcomes, strategy, asked)
    of_inputs = learn_from(Examples(inputs, names, second), outcomes, asked)

    assert of_inputs.sha256 == of_history.sha256
    assert of_inputs.examples.names == of_history.examples.names
    assert [one.booster.save_raw("json") for one in of_inputs.heads.values()] == [
        one.booster.save_raw("json") for one in of_history.heads.values()
    ]
