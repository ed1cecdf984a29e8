"""A model that can judge: its file read, every check made that needs no XGBoost. Pure."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.feature import FeatureSet
from risk.models.booster import read_booster
from risk.models.container import (
    MANIFEST,
    MARGINS,
    ROWS,
    TREES,
    float_bytes,
    pack,
    unpack,
)
from risk.models.inputs import check_inputs
from risk.models.manifest import (
    FORMAT,
    GOLDEN_ROWS,
    HEADS,
    Calibration,
    Golden,
    Head,
    HeadName,
    Manifest,
    NotAModel,
    Trained,
    write_manifest,
)
from risk.models.scorer import HeadPlan, Scorer, make_walk
from risk.models.trees import Trees, base_margins, read_trees

Floats = npt.NDArray[np.float32]


class Model(NamedTuple):
    """A model as its file says it, with trees that were checked.

    Attributes:
        id: `sha256:` and the hash of its manifest.
        trees: By head, in the order of `manifest.head_names`.
        rows, margins: The golden ones, which the trees reproduce.
    """

    id: str
    manifest: Manifest
    trees: dict[HeadName, Trees]
    rows: Floats
    margins: Floats


class About(NamedTuple):
    """What is said of a model besides its heads.

    Attributes:
        name: For people.
        origin: Whether its rows were real or simulated.
        created_at: When it was trained.
        feature_set: Id of the features that its inputs are of.
        inputs: In the order of a row.
        priors: Of every head.
        trained: On what.
        metrics: What was measured.
        engine: Library -> version.
        typical: Of each input, what normal payments usually have; None where it is not known.
    """

    name: str
    origin: Literal["trained", "simulated"]
    created_at: dt.datetime
    feature_set: str
    inputs: tuple[str, ...]
    priors: dict[HeadName, float]
    trained: Trained
    metrics: dict[str, float]
    engine: dict[str, str]
    typical: tuple[float | None, ...] = ()


class TrainedHead(NamedTuple):
    """One head as it comes from training.

    Attributes:
        booster: `Booster.save_raw("json")`.
        calibration: From its margin.
        golden: XGBoost's own margins of the golden rows, shape (256,), float32.
    """

    booster: bytes
    calibration: Calibration
    golden: Floats


def make_model(about: About, heads: Mapping[HeadName, TrainedHead], rows: Floats) -> bytes:
    """Return a model's file.

    Args:
        about: What is said of it.
        heads: At least one.
        rows: Golden rows, shape (256, inputs), float32, some values missing (NaN).

    Raises:
        NotAModel: The parts do not fit, or our walk does not reproduce XGBoost's margins.
    """
    ordered = [name for name in HEADS if name in heads]
    if rows.shape != (GOLDEN_ROWS, len(about.inputs)) or not np.isnan(rows).any():
        raise NotAModel(f"{GOLDEN_ROWS} golden rows with missing values come with a model")
    margins = np.array([heads[name].golden for name in ordered], np.float32)
    parts = {ROWS: float_bytes(rows), MARGINS: float_bytes(margins)}
    parts |= {TREES[name]: heads[name].booster for name in ordered}
    manifest = Manifest(
        format=FORMAT,
        name=about.name,
        origin=about.origin,
        created_at=about.created_at,
        feature_set=about.feature_set,
        inputs=about.inputs,
        typical=about.typical,
        heads={name: _head(heads[name], about.inputs, rows) for name in ordered},
        priors=about.priors,
        trained=about.trained,
        metrics=about.metrics,
        engine=about.engine,
        golden=Golden(
            rows=GOLDEN_ROWS,
            rows_sha256=_sha256(parts[ROWS]),
            margins_sha256=_sha256(parts[MARGINS]),
        ),
    )
    packed = pack(parts | {MANIFEST: write_manifest(manifest)})
    open_model(packed)
    return packed


def read_model(data: bytes, features: FeatureSet) -> Model:
    """Return the model of a file, for the features that this software computes.

    Raises:
        NotAModel: It is none, it is damaged, or it is for other features or inputs. Nothing else
            is raised, whatever the bytes; XGBoost is not asked.
    """
    found = open_model(data)
    if found.manifest.feature_set != features.id:
        raise NotAModel(
            f"the model is for feature set {found.manifest.feature_set}, "
            f"and this software has {features.id}"
        )
    check_inputs(found.manifest.inputs, features)
    return found


def open_model(data: bytes) -> Model:
    """Return the model of a file, whatever features it is for.

    Raises:
        NotAModel: It is none, or it is damaged.
    """
    parts = unpack(data)
    manifest = parts.manifest
    trees = {
        name: read_trees(parts.boosters[name], manifest.inputs, manifest.heads[name].base_margin)
        for name in manifest.head_names
    }
    found = Model(parts.id, manifest, trees, parts.rows, parts.margins)
    scorer = make_scorer(found)
    for row, told in zip(parts.rows, parts.margins.T, strict=True):
        made = np.array(list(scorer.margins(row).values()), np.float32)
        if made.tobytes() != told.tobytes():
            raise NotAModel("the trees do not give the margins that the file says")
    return found


def make_scorer(model: Model) -> Scorer:
    """Return a model's scorer, over arrays of this process."""
    walk = make_walk(list(model.trees.values()))
    return Scorer(model.id, walk, head_plans(model), max(one.depth for one in model.trees.values()))


def head_plans(model: Model) -> tuple[HeadPlan, ...]:
    """Return how margins follow from leaves."""
    found: list[HeadPlan] = []
    first = 0
    for name, trees in model.trees.items():
        last = first + len(trees.roots)
        calibration = model.manifest.heads[name].calibration
        found.append(HeadPlan(name, trees.base_margin, first, last, calibration))
        first = last
    return tuple(found)


def _head(head: TrainedHead, inputs: tuple[str, ...], rows: Floats) -> Head:
    """Return a head's part of the manifest, with the base margin that its golden margins show."""
    score = read_booster(head.booster, inputs).base_score
    for base in base_margins(score):
        trees = read_trees(head.booster, inputs, float(base))
        plan = HeadPlan("scam", base, 0, len(trees.roots), head.calibration)
        scorer = Scorer("", make_walk([trees]), (plan,), trees.depth)
        made = np.array([scorer.margins(row)["scam"] for row in rows], np.float32)
        if made.tobytes() == np.asarray(head.golden, np.float32).tobytes():
            return Head(
                trees_sha256=_sha256(head.booster),
                base_margin=float(base),
                calibration=head.calibration,
            )
    raise NotAModel("our walk does not give XGBoost's margins")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
