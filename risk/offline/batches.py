"""A model's scores of many rows at once, equal bit for bit to those of one row. Never serves.

XGBoost gives the margins of all rows; it is asked only once our own walk gave the same on the
file's golden rows and on random ones. Probabilities are made of margins as they are online.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from risk.feature import FeatureSet
from risk.models.booster import rewritten
from risk.models.calibration import Scored, probability
from risk.models.container import unpack
from risk.models.manifest import Calibration, HeadName
from risk.models.model import make_scorer
from risk.offline.check import check_model, margins
from risk.scored import Scorer

Floats = npt.NDArray[np.float64]


class BatchScorer(Scorer):
    """Scores one row by our walk, and many by XGBoost."""

    def __init__(self, data: bytes, features: FeatureSet) -> None:
        """Take a model's file.

        Raises:
            NotAModel: It is none for these features, or the two ways differ in a bit.
        """
        self._model = check_model(data, features)
        self._scorer = make_scorer(self._model)
        self._boosters = unpack(data).boosters

    @property
    def model(self) -> str:
        """The model's id."""
        return self._model.id

    @override
    def score(self, row: Any, /) -> Scored:
        return self._scorer.score(row)

    def score_rows(self, rows: npt.NDArray[np.float32], /) -> dict[HeadName, Floats]:
        """Return head -> calibrated probability, shape (n,), of rows of shape (n, inputs)."""
        manifest = self._model.manifest
        found = {}
        for name in manifest.head_names:
            booster = rewritten(self._boosters[name], manifest.inputs)
            calibration = manifest.heads[name].calibration
            found[name] = _probabilities(margins(booster, rows), calibration)
        return found


def _probabilities(found: npt.NDArray[np.float32], calibration: Calibration) -> Floats:
    """Return each margin's probability, made one by one: NumPy's exp may differ in its last bit."""
    different, place = np.unique(found, return_inverse=True)
    made = [probability(float(margin), calibration) for margin in different]
    return np.array(made, np.float64)[place.reshape(-1)]
