"""`python -m bench.scorer`: one row's score and its exact reasons, ours beside XGBoost, in one run.

Ours is what a payment runs: a mapped model's `score`, calibration and all, and `explain`. XGBoost
is `inplace_predict` of one float32 row, and `pred_contribs` of a DMatrix made before, both on one
thread. A tenth of all values is missing. Nothing is printed unless scores are equal bit for bit and
reasons differ by at most 1e-5. Rewrites its table in bench/README.md when asked to.
"""

import argparse
import datetime as dt
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# Before XGBoost is loaded: idle threads of OpenMP spin, on the cores that are measured.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import xgboost

from bench.tables import conclude, held, table, versions, writing
from risk.models.arrays import Mapped, map_model, write
from risk.models.manifest import HEADS, Calibration, Trained
from risk.models.model import About, TrainedHead, make_model, open_model
from risk.offline.check import margins

SEED = 20_261_129
ROWS, INPUTS, GOLDEN = 20_000, 50, 256
COMPARED = 300
SHAPES = ((400, 6), (100, 3))
TURNS = {"score": 300, "reasons": 60}
DIFFERENCE_MAX = 1e-5
GOAL = ">= 4"
Side = Callable[[int], object]


class Case(NamedTuple):
    """One model with what was found while it was made.

    Attributes:
        rows: To score, in turns.
        made_s: Seconds of CPU from the file to its arrays.
        size: Of the arrays, bytes.
    """

    booster: xgboost.Booster
    mapped: Mapped
    rows: np.ndarray
    nodes: int
    made_s: float
    mapped_s: float
    size: int


def made(trees: int, depth: int) -> Case:
    """Return a model of one head, trained on seeded rows, its arrays mapped."""
    chance = np.random.default_rng(SEED)
    rows = chance.normal(size=(ROWS, INPUTS)).astype(np.float32)
    odds = rows[:, :10] @ chance.normal(size=10) + rows[:, 10] * rows[:, 11]
    odds += rows[:, 12] * rows[:, 13] + 2 * chance.normal(size=ROWS)
    rows[chance.random(rows.shape) < 0.1] = np.nan
    params = {"objective": "binary:logistic", "base_score": 0.5, "max_depth": depth, "eta": 0.1}
    trained = xgboost.train(
        {**params, "nthread": 1, "seed": 1}, xgboost.DMatrix(rows, label=odds > 2.0), trees
    )
    raw = bytes(trained.save_raw("json"))
    file = file_of(raw, rows[:GOLDEN])
    began = time.process_time()
    model = open_model(file)
    folder = Path(tempfile.mkdtemp())
    path = write(folder, model)
    between = time.process_time()
    mapped = map_model(path)
    ended = time.process_time()
    size = path.stat().st_size
    path.unlink()
    folder.rmdir()
    return Case(
        booster=xgboost.Booster({"nthread": 1}, model_file=bytearray(raw)),
        mapped=mapped,
        rows=rows,
        nodes=len(model.trees["unauthorized"].left),
        made_s=between - began,
        mapped_s=ended - between,
        size=size,
    )


def file_of(raw: bytes, golden: np.ndarray) -> bytes:
    at = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
    about = About(
        name="bench",
        origin="simulated",
        created_at=at,
        feature_set="fs_bench",
        inputs=tuple(f"input_{place}" for place in range(INPUTS)),
        priors=dict.fromkeys(HEADS, 0.001),
        trained=Trained(
            since=at - dt.timedelta(days=1),
            until=at,
            rows=ROWS,
            frauds={"unauthorized": 1},
            data_sha256="0" * 64,
        ),
        metrics={},
        engine={"xgboost": xgboost.__version__},
    )
    head = TrainedHead(raw, Calibration(a=1.0, b=0.0), margins(raw, golden))
    return make_model(about, {"unauthorized": head}, golden)


def sides(case: Case) -> dict[str, dict[str, Side]]:
    """Return what is measured: of a row, by its number."""
    rows, booster, mapped = case.rows, case.booster, case.mapped
    lone = [xgboost.DMatrix(rows[place : place + 1], nthread=1) for place in range(COMPARED)]
    return {
        "score": {
            "ours": lambda place: mapped.scorer.score(rows[place]),
            "inplace_predict": lambda place: booster.inplace_predict(rows[place : place + 1]),
        },
        "reasons": {
            "ours": lambda place: mapped.explain("unauthorized", rows[place]),
            "pred_contribs": lambda place: booster.predict(lone[place], pred_contribs=True),
        },
    }


def confirm(case: Case) -> float:
    """Return the greatest difference of a reason, after comparing scores bit for bit."""
    rows = case.rows[:COMPARED]
    theirs = case.booster.inplace_predict(rows, predict_type="margin")
    found = [case.mapped.scorer.margins(row)["unauthorized"] for row in rows]
    if np.array(found, np.float32).tobytes() != theirs.tobytes():
        raise SystemExit("scores differ")
    reasons = case.booster.predict(xgboost.DMatrix(rows), pred_contribs=True)
    told = [case.mapped.explain("unauthorized", row) for row in rows]
    ours = np.array([(*one.contributions, one.bias) for one in told])
    difference = float(np.abs(ours - reasons).max())
    if difference > DIFFERENCE_MAX:
        raise SystemExit(f"reasons differ by {difference}")
    return difference


def measured(rounds: int) -> str:
    rows: list[list[str]] = []
    notes: list[str] = []
    for trees, depth in SHAPES:
        case = made(trees, depth)
        difference = confirm(case)
        notes.append(
            f"{trees} trees of depth {depth}, {INPUTS} inputs, {case.nodes} nodes: reasons differ"
            f" by {difference:.1e} at most; from file to arrays {case.made_s:.1f} s of CPU, mapping"
            f" {1e3 * case.mapped_s:.0f} ms, {case.size / 1e6:.1f} MB."
        )
        for what, those in sides(case).items():
            taken: dict[str, list[float]] = {name: [] for name in those}
            for _ in range(rounds):
                for name, run in those.items():
                    taken[name].append(timed(run, TURNS[what]))
            rows += told_of(f"{what}, {trees} x {depth}", taken)
    head = ("what", "side", "CPU us, least", "median", "side / ours", "goal")
    engines = f"xgboost {xgboost.__version__}, numpy {np.__version__}"
    return f"{table(head, rows)}\n\n{' '.join(notes)} {engines}; {versions()}."


def told_of(what: str, taken: dict[str, list[float]]) -> list[list[str]]:
    found = []
    for name, times in taken.items():
        line = [what, name, f"{min(times):.1f}", f"{statistics.median(times):.1f}"]
        if name == "ours":
            found.append([*line, "1", ""])
            continue
        ratios = [other / own for other, own in zip(times, taken["ours"], strict=True)]
        found.append([*line, *held(ratios, GOAL)])
    return found


def timed(run: Side, turns: int) -> float:
    """Return microseconds of CPU of one turn, the mean of many, each of another row."""
    began = time.process_time_ns()
    for turn in range(turns):
        run(turn % COMPARED)
    return (time.process_time_ns() - began) / turns / 1e3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    writing(parser)
    given = parser.parse_args()
    return conclude(given, "scorer", measured(given.rounds))


if __name__ == "__main__":
    raise SystemExit(main())
