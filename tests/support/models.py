"""Small real models, trained on seeded rows, and their parts."""

import datetime as dt
import hashlib
from typing import NamedTuple

import numpy as np
import xgboost

from risk.feature import FeatureSet
from risk.models.inputs import input_names
from risk.models.manifest import HEADS, Calibration, HeadName, Trained
from risk.models.model import About, TrainedHead, make_model
from risk.offline.check import margins

SEED = 7
PRIORS: dict[HeadName, float] = {"unauthorized": 0.002, "scam": 0.001, "first_party": 0.001}


class Grown(NamedTuple):
    """A booster with the rows that it was trained on."""

    booster: bytes
    rows: np.ndarray


def grow(
    inputs: int, trees: int, depth: int, *, seed: int = SEED, scale: float = 1.0, **given: object
) -> Grown:
    """Train on seeded rows of which a tenth is missing; fraud follows from few inputs.

    Args:
        inputs: How many.
        trees: How many.
        depth: Of each.
        seed: Of the rows.
        scale: Standard deviation of all inputs.
        given: Parameters of XGBoost.
    """
    random = np.random.default_rng(seed)
    rows = random.normal(size=(4_000, inputs)).astype(np.float32)
    odds = rows[:, 0] * rows[:, 1] + rows[:, 2] - np.abs(rows[:, 3]) + random.normal(size=4_000)
    rows[random.random(rows.shape) < 0.1] = np.nan
    rows *= np.float32(scale)
    params = {
        "objective": "binary:logistic",
        "base_score": 0.5,
        "max_depth": depth,
        "eta": 0.1,
        "nthread": 1,
        "seed": 1,
        **given,
    }
    grown = xgboost.train(params, xgboost.DMatrix(rows, label=odds > 1.0), trees)
    return Grown(bytes(grown.save_raw("json")), rows)


def head_of(grown: Grown, golden: np.ndarray) -> TrainedHead:
    return TrainedHead(grown.booster, Calibration(a=1.1, b=-0.3), margins(grown.booster, golden))


def typical_of(inputs: tuple[str, ...]) -> tuple[float | None, ...]:
    """Return made-up typical values: none of the first input, whole ones and others after it."""
    return tuple(place * 1.5 if place else None for place in range(len(inputs)))


def about_of(features: FeatureSet, inputs: tuple[str, ...], heads: list[HeadName]) -> About:
    at = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    return About(
        name="small",
        origin="trained",
        created_at=at,
        feature_set=features.id,
        inputs=inputs,
        priors=PRIORS,
        trained=Trained(
            since=at - dt.timedelta(days=7),
            until=at,
            rows=4_000,
            frauds=dict.fromkeys(heads, 10),
            data_sha256=hashlib.sha256(b"rows").hexdigest(),
        ),
        metrics={"average_precision": 0.5},
        engine={"xgboost": xgboost.__version__},
        typical=typical_of(inputs),
    )


def file_of(features: FeatureSet, inputs: int, **heads: Grown) -> bytes:
    """Return the file of boosters by head, over the first inputs that there are."""
    return file_over(features, input_names(features)[:inputs], **heads)


def file_over(features: FeatureSet, names: tuple[str, ...], **heads: Grown) -> bytes:
    """Return the file of boosters by head, over inputs that are named."""
    golden = next(iter(heads.values())).rows[:256]
    trained: dict[HeadName, TrainedHead] = {
        name: head_of(heads[name], golden) for name in HEADS if name in heads
    }
    return make_model(about_of(features, names, list(trained)), trained, golden)
