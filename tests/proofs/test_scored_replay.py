"""A file through two gunicorn workers under a model: scores as they are computed offline."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from risk.assessment import Assessment
from risk.models.calibration import probabilities_of_rows
from risk.models.container import unpack
from risk.models.inputs import input_names
from risk.models.manifest import Calibration
from risk.models.model import TrainedHead, make_model
from risk.offline.batches import BatchScorer
from risk.offline.columns import NO_LABELS, Columns, compute
from risk.offline.history import History, Told
from risk.offline.inputs import columns_of
from risk.offline.making import golden_rows
from risk.offline.train import Recipe, fit, margins
from risk.scoring import BORDERS
from risk.strategy import Strategy, load_strategy
from service.cli.backtest.history import facts_of
from service.db.places import Database
from tests.proofs.test_replay import (
    CLIENTS,
    FEATURES,
    MAP,
    Compared,
    Row,
    Sized,
    columns_of_rows,
    send,
    some_rows,
)
from tests.support.models import about_of
from tests.support.scored import activation, bring, with_model
from tests.support.servers import SCOPES, Service

pytestmark = pytest.mark.servers

RECIPE = Recipe(depth=4, trees=40, rate_milli=100)
CLOSE = 1e-6
CHANCE = 0.2
# Small sizes hold few payments that the model tells apart.
SCORES_LEAST = {"quick": 5, "ci": 5, "full": 20}


def inputs_of(rows: list[Row], columns: Columns, offline: Any, strategy: Strategy) -> Any:
    """Return what a model reads of each row, from the file alone."""

    def facts(row: int) -> Any:
        return facts_of(MAP.request(rows[row], now=None).body)

    history = History(columns=columns, told={}, facts=facts, preset="judge_only")
    return columns_of(input_names(FEATURES), Told(history, strategy), offline)


def taught(rows: list[Row], strategy: Strategy) -> bytes:
    """Return a model that learnt, from the file alone, what is large for its payer or payee."""
    columns = columns_of_rows(rows, [False] * len(rows))._replace(labels=NO_LABELS)
    offline = compute(columns, FEATURES)
    matrix = inputs_of(rows, columns, offline, strategy)
    large = (offline["payer_amount_to_normal"] > 1_500) | (columns.amount_minor > 20_000)
    # Some of it by chance, so that many inputs are read and rows get many scores.
    chance = np.random.default_rng(20_261_129).random(len(rows)) < CHANCE
    booster = fit(matrix, large ^ chance, RECIPE)
    golden = golden_rows(matrix)
    about = about_of(FEATURES, input_names(FEATURES), ["unauthorized"])
    written = bytes(booster.save_raw("json"))
    head = TrainedHead(written, Calibration(a=0.9, b=-2.0), margins(booster, golden))
    return make_model(about, {"unauthorized": head}, golden)


@pytest.mark.parametrize(
    ("clients", "is_killed"),
    [(1, False), (CLIENTS, True)],
    ids=["one connection", "eight connections, writer killed"],
)
def test_rows_have_the_scores_that_they_have_offline(
    tmp_path: Path,
    fresh_database: Database | None,
    material: Path,
    sized: Sized,
    clients: int,
    is_killed: bool,
) -> None:
    size = sized(quick=200, ci=300, full=20_000)
    rows = some_rows(material, size, payers=sized(quick=50, ci=50, full=200))
    file = taught(rows, load_strategy())
    strategy = with_model(file).strategy
    with Service(tmp_path / "data", database=fresh_database) as service:
        shop = service.shop(modes=["sandbox"], scopes=(*SCOPES, "labels:write", "replay"))
        bring(service, file)
        service.do(activation(service, 2, with_model(file)))
        at_half = service.kill_writer if is_killed else lambda: None
        summary = send(service, shop, rows, at_half, clients=clients)
        compared = Compared(service, rows)

    assert (summary.failed, summary.errors) == (0, {})
    assert compared.mismatches() == []
    judged = [msgspec.json.decode(row["judged"], type=Assessment) for row in compared.judged]
    assert {one.model for one in judged} == {unpack(file).id}
    if clients == 1:
        assert not compared.is_out_of_order
    matrix = inputs_of(compared.taken, compared.columns, compared.offline, strategy)
    heads = BatchScorer(file, FEATURES).score_rows(matrix)
    found = probabilities_of_rows(heads, strategy.priors)
    normal = found["normal"]
    told = np.array([(one.probabilities or {})["normal"] for one in judged], np.float64)
    assert np.abs(told - normal).max() <= CLOSE
    scores = np.searchsorted(BORDERS, (1.0 - normal) / normal, side="right")
    assert [one.score for one in judged] == scores.tolist()
    assert len(set(scores.tolist())) >= sized(**SCORES_LEAST)
    print(f"{len(rows):,} rows, {len(set(scores.tolist()))} different scores, none differs")
