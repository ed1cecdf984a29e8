"""Whether our walk gives XGBoost's margins, bit for bit. Runs XGBoost, so never when serving.

XGBoost ends its process on some damaged boosters: nothing reaches it that did not pass every check
of risk/models/, and whoever asks for a file that others sent runs this in a child process:
`python -m risk.offline.check FILE`.
"""

import sys
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import xgboost

from risk.feature import FeatureSet, load_features
from risk.models.booster import rewritten
from risk.models.container import unpack
from risk.models.manifest import HeadName, NotAModel
from risk.models.model import Model, make_scorer, read_model
from risk.models.trees import Trees

ROWS: Final = 1_000
SEED: Final = 20_261_129
MISSING_SHARE: Final = 0.1
# A row may lie exactly on a threshold, where less and not less part.
ON_THRESHOLD_SHARE: Final = 0.5

Floats = npt.NDArray[np.float32]


def check_model(data: bytes, features: FeatureSet) -> Model:
    """Return the model of a file after comparing our walk with XGBoost on golden and random rows.

    Raises:
        NotAModel: It is none, it is damaged, it is for other features, or the two differ in a bit
            of any row.
    """
    model = read_model(data, features)
    compare(model, unpack(data).boosters)
    return model


def compare(model: Model, boosters: dict[HeadName, bytes]) -> None:
    """Compare a model's walk with XGBoost.

    Raises:
        NotAModel: They differ in a bit of any row.
    """
    scorer = make_scorer(model)
    rows = np.concatenate((model.rows, random_rows(model)))
    ours = [scorer.margins(row) for row in rows]
    for name in model.trees:
        theirs = margins(rewritten(boosters[name], model.manifest.inputs), rows)
        walked = np.array([one[name] for one in ours], np.float32)
        if walked.tobytes() != theirs.tobytes():
            raise NotAModel(f"our walk of {name} does not give XGBoost's margins")


def margins(booster: bytes, rows: Floats) -> Floats:
    """Return XGBoost's margins of rows, shape (rows,), float32, on one thread."""
    loaded = xgboost.Booster({"nthread": 1}, model_file=bytearray(booster))
    found = loaded.inplace_predict(rows, predict_type="margin", missing=np.nan)
    return np.asarray(found, np.float32)


def random_rows(model: Model, rows: int = ROWS) -> Floats:
    """Return seeded rows with missing values; half of all numbers are a threshold of their input.

    Shape (rows, inputs), float32.
    """
    random = np.random.default_rng(SEED)
    by_input = _thresholds(list(model.trees.values()))
    found = np.empty((rows, len(by_input)), np.float32)
    for place, thresholds in enumerate(by_input):
        low, high = float(thresholds[0]), float(thresholds[-1])
        spread = random.uniform(low - 1.0, high + 1.0, rows)
        on = random.choice(thresholds, rows)
        found[:, place] = np.where(random.random(rows) < ON_THRESHOLD_SHARE, on, spread)
    found[random.random(found.shape) < MISSING_SHARE] = np.nan
    return found


def _thresholds(heads: list[Trees]) -> list[Floats]:
    """Return each input's thresholds in rising order; 0 alone where nothing splits by it."""
    found: list[Floats] = []
    for place in range(heads[0].inputs):
        of_input = [one.threshold[(one.feature == place) & ~one.is_leaf] for one in heads]
        joined = np.unique(np.concatenate(of_input))
        found.append(joined if len(joined) else np.zeros(1, np.float32))
    return found


def main(arguments: list[str]) -> int:
    """Check a file and say what came of it: 0 and the model's id, or 1 and why it is none."""
    try:
        model = check_model(Path(arguments[0]).read_bytes(), load_features())
    except NotAModel as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{model.id}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
