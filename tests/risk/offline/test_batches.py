"""Many rows scored at once are the rows scored one by one, and a history is judged by them."""

import msgspec
import numpy as np
import pytest

from risk.feature import load_features
from risk.models.manifest import NotAModel
from risk.models.model import read_model
from risk.offline.batches import BatchScorer
from risk.offline.check import random_rows
from risk.offline.scores import RowsScorer
from tests.support.models import file_of, grow

FEATURES = load_features()


@pytest.fixture(scope="module")
def file() -> bytes:
    heads = {"unauthorized": grow(8, 30, 4, seed=3), "scam": grow(8, 10, 3, seed=4)}
    return file_of(FEATURES, 8, **heads)


def test_many_rows_are_scored_as_each_of_them_bit_for_bit(file) -> None:
    scorer = BatchScorer(file, FEATURES)
    rows = random_rows(read_model(file, FEATURES))

    found = scorer.score_rows(rows)

    one_by_one = [scorer.score(row) for row in rows]
    assert isinstance(scorer, RowsScorer)
    assert list(found) == ["unauthorized", "scam"]
    for head, told in found.items():
        assert told.tobytes() == np.array([one.of(head) for one in one_by_one]).tobytes()


def test_a_file_for_other_features_scores_nothing(file) -> None:
    other = msgspec.structs.replace(FEATURES, id="fs_0")

    with pytest.raises(NotAModel, match="fs_0"):
        BatchScorer(file, other)
