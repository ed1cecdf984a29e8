import threading

import numpy as np
import pytest

from risk.models.calibration import Scored
from risk.models.model import make_scorer, open_model
from risk.offline.check import margins, random_rows
from tests.support.models import grow

SHAPES = [
    {"trees": 60, "depth": 3},
    {"trees": 60, "depth": 6},
    {"trees": 20, "depth": 9},
    {"trees": 1, "depth": 1},
    {"trees": 40, "depth": 5, "base_score": 0.003},
    {"trees": 40, "depth": 5, "base_score": 0.5, "max_bin": 4096},
    {"trees": 40, "depth": 6, "tree_method": "exact", "gamma": 4.0},
    {"trees": 30, "depth": 4, "base_score": None},
    {"trees": 5, "depth": 3, "gamma": 1e9},
]


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_margins_are_those_of_xgboost_bit_for_bit(make, shape) -> None:
    booster = grow(8, **shape)
    model = open_model(make(8, scam=booster))
    scorer = make_scorer(model)
    rows = np.concatenate((booster.rows[:500], random_rows(model, 500)))

    ours = np.array([scorer.margins(row)["scam"] for row in rows], np.float32)

    assert ours.tobytes() == margins(booster.booster, rows).tobytes()


def test_missing_infinite_and_whole_rows_of_missing_values_go_where_xgboost_sends_them(
    make, grown
) -> None:
    scorer = make_scorer(open_model(make(8, scam=grown)))
    rows = np.full((4, 8), np.nan, np.float32)
    rows[1], rows[2], rows[3] = 0.0, 3e38, -3e38
    rows[1, ::2] = np.nan

    ours = np.array([scorer.margins(row)["scam"] for row in rows], np.float32)

    assert ours.tobytes() == margins(grown.booster, rows).tobytes()


def test_two_heads_are_scored_in_one_walk_and_a_head_that_is_not_there_says_nothing(file) -> None:
    model = open_model(file)

    scored = make_scorer(model).score(model.rows[0])

    assert isinstance(scored, Scored)
    assert scored.model == model.id
    assert scored.first_party is None
    for name in ("unauthorized", "scam"):
        margin = float(model.margins[model.manifest.head_names.index(name), 0])
        expected = 1 / (1 + np.exp(-(1.1 * margin - 0.3)))
        assert scored.of(name) == pytest.approx(expected, rel=1e-12)


def test_threads_may_share_a_scorer(file) -> None:
    model = open_model(file)
    scorer = make_scorer(model)
    expected = [scorer.score(row) for row in model.rows]
    found: list[list[Scored]] = [[] for _ in range(4)]

    def run(place: int) -> None:
        found[place] = [scorer.score(row) for row in model.rows]

    threads = [threading.Thread(target=run, args=(place,)) for place in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert found == [expected] * 4
