"""Weeks of history, then rows with labels under a model of them: online as offline, and its AP."""

import datetime as dt
import itertools
import json
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from keys.sealing import Sealer
from risk.assessment import Assessment
from risk.models.calibration import probabilities_of_rows
from risk.offline.batches import BatchScorer
from risk.offline.columns import MISSING, Columns, Labels, compute
from risk.offline.history import History, Told
from risk.offline.inputs import columns_of
from risk.offline.measures import Ranking
from risk.scoring import BORDERS
from risk.vectors import Missing
from service.cli.backtest.history import facts_of
from service.cli.train.command import MODEL, train
from service.db.places import Database, Place
from service.rooms.assessments.public import open_features
from service.rooms.assessments.tables import ASSESSMENTS
from service.unit_of_work.tables import EVENTS
from tests.proofs.test_replay import (
    FEATURES,
    VARIED,
    LabelTold,
    Row,
    Sized,
    columns_of_rows,
    labels_of_file,
    own_features,
)
from tests.proofs.test_scored_replay import CLOSE
from tests.support.places import owning
from tests.support.postgres import Cluster
from tests.support.scored import activation, bring, with_model
from tests.support.sending import (
    DAY_S,
    EVERY_LABEL,
    ONE_DAY,
    before,
    ordered,
    requests_of,
    send,
    time_of,
)
from tests.support.servers import SCOPES, Service, Shop

pytestmark = [pytest.mark.servers, pytest.mark.longest]

# The first day that is sent; days before it are left out.
SINCE = dt.datetime.fromisoformat("2018-07-02")  # without an offset, as in the file
AP_LEAST = 0.90
AT_ONCE = 2_000
LATE_SHARE_MAX = 0.001
LATE_MAX = 5  # after history


class Warm(NamedTuple):
    """A store that history was sent to, and what was sent and is to be."""

    folder: Path
    template: str | None
    shop: Shop
    model: bytes
    history: list[Row]
    rest: list[Row]


def parts(material: Path, sized: Sized) -> tuple[list[Row], list[Row]]:
    """Return the rows of history, and those after it."""
    parquet = pytest.importorskip("pyarrow.parquet")
    days, size = sized(quick=16, ci=16, full=37), sized(quick=300, ci=300, full=20_000)
    every = sized(quick=15, ci=15, full=1)
    file = parquet.ParquetFile(material / "data" / "handbook" / "transactions.parquet")
    columns = [*ONE_DAY.columns, *ONE_DAY.label_columns]
    until = SINCE + dt.timedelta(days=days)
    history: list[Row] = []
    rest: list[Row] = []
    for batch in file.iter_batches(columns=columns):
        at = batch.column("TX_DATETIME").to_numpy(zero_copy_only=False)
        terminal = batch.column("TERMINAL_ID").to_numpy(zero_copy_only=False).astype(np.int64)
        chosen = (at >= np.datetime64(SINCE)) & (terminal % every == 0)
        for row in batch.take(np.flatnonzero(chosen)).to_pylist():
            (history if row["TX_DATETIME"] < until else rest).append(row)
        if len(rest) >= size:
            break
    rest.sort(key=lambda row: row["TX_DATETIME"])
    return history, rest[:size]


def learnt(rows: list[Row], folder: Path) -> bytes:
    """Return what `payguard train` makes of history, with labels known after a day."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = folder / "history.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), file)
    at = max(row["TX_DATETIME"] for row in rows).date() + dt.timedelta(days=1)
    given = ["--label-delay", "1", "--at", f"{at}", "--to", f"{at - dt.timedelta(days=1)}"]
    given += ["--preset", "judge_only", "--out", str(folder / "made")]
    done = CliRunner().invoke(train, [str(file), *given])
    assert done.exit_code == 0, done.output
    return (folder / "made" / MODEL).read_bytes()


@pytest.fixture(scope="module")
def warm(
    store_kind: str,
    material: Path,
    sized: Sized,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Warm:
    """Send history once for all tests of a store, which work on copies of what it left."""
    history, rest = parts(material, sized)
    base = tmp_path_factory.mktemp("warm")
    model = learnt(history, base)
    end = time_of(next(requests_of(rest)))
    shops: list[Shop] = []

    def fill(database: Database | None) -> None:
        began = time.monotonic()
        with Service(base / "data", database=database) as service:
            scopes = (*SCOPES, "labels:write", "replay", "assessments:explain")
            shops.append(service.shop(modes=["sandbox"], scopes=scopes))
            bring(service, model)
            service.do(activation(service, 2, with_model(model)))
            summary, _ = send(
                service, shops[0], before(ordered(requests_of(history)), end), clients=8
            )
        assert (summary.rows, summary.failed, summary.errors) == (len(history), 0, {})
        print(f"{len(history):,} rows of history in {time.monotonic() - began:.0f} s")

    template = None
    if store_kind == "sqlite":
        fill(None)
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        template = cluster.template("payguard_history", fill)
    return Warm(base / "data", template, shops[0], model, history, rest)


class Stored:
    """What was taken in, in its order, from the store's events; vectors are read one by one."""

    def __init__(self, place: Place, rows: Iterable[Row]) -> None:
        by_reference = {f"handbook-{row['TRANSACTION_ID']}": row for row in rows}
        self._place = place
        self.taken: list[Row] = []
        self.assessment_ids: list[str] = []
        self.told: list[LabelTold] = []
        labels: list[tuple[int, int, int, int]] = []
        numbers: dict[str, int] = {}
        events = (
            sa.select(EVENTS.c.type, EVENTS.c.body)
            .where(EVENTS.c.type.in_(("payment.created", "label.recorded")))
            .order_by(EVENTS.c.sequence, EVENTS.c.ordinal)
        )
        for kind, text in self._stream(events):
            body = json.loads(text)
            if kind == "payment.created":
                numbers[body["payment_id"]] = len(self.taken)
                self.taken.append(by_reference[body["facts"]["reference"]])
                self.assessment_ids.append(body["judgement"]["assessment_id"])
            else:
                known = int(dt.datetime.fromisoformat(body["known_at"]).timestamp())
                row = numbers[body["payment_id"]]
                reference = f"handbook-{self.taken[row]['TRANSACTION_ID']}"
                self.told.append(LabelTold(reference, known, body["intent"]))
                labels.append((row, len(self.taken), known, body["intent"] != "normal"))
        self.labels = Labels(*np.array(labels, np.int64).reshape(-1, 4).T)
        kept = sa.select(ASSESSMENTS.c.assessment_id, ASSESSMENTS.c.outcome)
        declined = {one for one, outcome in self._stream(kept) if outcome == "decline"}
        self.declined = [one in declined for one in self.assessment_ids]

    def columns(self) -> Columns:
        return columns_of_rows(self.taken, self.declined)._replace(labels=self.labels)

    def judged(self) -> Iterator[tuple[int, Any]]:
        """Yield each payment's place and its assessment, in no order."""
        places = {one: row for row, one in enumerate(self.assessment_ids)}
        for one in self._stream(sa.select(ASSESSMENTS)):
            if one.assessment_id in places:
                yield places[one.assessment_id], one

    def _stream(self, query: Any) -> Iterator[Any]:
        with owning(self._place) as connection:
            yield from connection.execution_options(yield_per=AT_ONCE).execute(query)


def copied(warm: Warm, folder: Path, request: pytest.FixtureRequest) -> Service:
    """Return a service on a copy of the store that history left, not started."""
    shutil.copytree(warm.folder, folder, ignore=shutil.ignore_patterns("*.sock", "*.lock"))
    if warm.template is None:
        return Service(folder)
    cluster: Cluster = request.getfixturevalue("cluster")
    return Service(folder, database=cluster.copy(warm.template))


class Found(NamedTuple):
    """What came of comparing every kept vector and probability with the offline ones.

    Attributes:
        mismatches: Row, feature, both values.
        apart: Greatest distance between probabilities.
        late: Rows that had no score in time, on a machine that was too busy.
        own: Features of entities that the data has.
        same: Those of them that take one value only after history.
    """

    mismatches: list[tuple[int, str, object, int]]
    apart: float
    late: list[int]
    own: list[str]
    same: list[str]


def compare(stored: Stored, warm: Warm, sealer: Sealer) -> Found:
    """Compare what was kept of each payment with the file alone; the store gives the order."""
    columns = stored.columns()
    offline = compute(columns, FEATURES)
    strategy = with_model(warm.model).strategy
    assert strategy.model is not None
    history = History(
        columns=columns,
        told={},
        facts=lambda row: facts_of(ONE_DAY.request(stored.taken[row], now=None).body),
        preset="judge_only",
    )
    matrix = columns_of(strategy.model.inputs, Told(history, strategy), offline)
    heads = BatchScorer(warm.model, FEATURES).score_rows(matrix)
    normal = probabilities_of_rows(heads, strategy.priors)["normal"]
    scores = np.searchsorted(BORDERS, (1.0 - normal) / normal, side="right").tolist()
    mismatches: list[tuple[int, str, object, int]] = []
    seen: dict[str, set[int]] = {one.name: set() for one in FEATURES.features}
    apart, count = 0.0, 0
    late: list[int] = []
    by_row = np.stack([offline[name] for name in FEATURES.names], axis=1)
    for row, one in stored.judged():
        count += 1
        vector = open_features(one.features, assessment_id=one.assessment_id, sealer=sealer)
        assert vector.names == FEATURES.names
        there_all = by_row[row].tolist()
        for name, value, there in zip(vector.names, vector.values, there_all, strict=True):
            found = MISSING if isinstance(value, Missing) else value
            if abs(found - there) > CLOSE:
                mismatches.append((row, name, value, there))
            if row >= len(warm.history) and found != MISSING and len(seen[name]) < 2:
                seen[name].add(int(found))
        judged = msgspec.json.decode(one.judged, type=Assessment)
        if judged.probabilities is None:
            assert "scorer_late" in judged.degraded, (row, judged.degraded)
            late.append(row)
            continue
        told = judged.probabilities["normal"]
        assert told is not None
        apart = max(apart, abs(told - float(normal[row])))
        if judged.score != scores[row]:
            mismatches.append((row, "score", judged.score, scores[row]))
    assert count == len(stored.taken)
    own = own_features()
    return Found(mismatches, apart, late, own, [name for name in own if len(seen[name]) < 2])


@pytest.mark.parametrize(
    ("clients", "is_killed"),
    [(1, False), (1, True), (8, False)],
    ids=["undisturbed", "writer killed", "eight connections"],
)
def test_rows_after_weeks_of_history_are_judged_as_offline_and_ranked_well(
    warm: Warm,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    profile: str,
    clients: int,
    is_killed: bool,
) -> None:
    began = time.monotonic()
    size, end = len(warm.rest), time_of(next(requests_of(warm.rest)))
    # Labels of history that come later need their payments' ids: sent again, they are answered.
    waiting = [
        row
        for row, one in zip(warm.history, requests_of(warm.history), strict=True)
        if one.label is not None and one.label.known_at >= end
    ]
    with copied(warm, tmp_path / "data", request) as service:
        summary, said = send(
            service,
            warm.shop,
            ordered(itertools.chain(requests_of(waiting), requests_of(warm.rest, by=EVERY_LABEL))),
            clients=clients,
            kill_after=len(waiting) + size // 2 if is_killed else None,
        )
        stored = Stored(service.settings.database, [*warm.history, *warm.rest])
    assert (summary.rows, summary.failed, summary.errors) == (len(waiting) + size, 0, {})
    assert len(stored.taken) == len(warm.history) + size
    frauds = [row for row in warm.history if row["TX_FRAUD"]]
    expected = labels_of_file([*frauds, *warm.rest], after_s=DAY_S)
    assert sorted(stored.told) == sorted(expected)
    taken = stored.taken[-size:]
    if clients == 1:
        times = [row["TX_DATETIME"] for row in taken]
        assert times == sorted(times)
    found = compare(stored, warm, service.secrets.sealer)
    told = (said[f"handbook-{row['TRANSACTION_ID']}"]["explanation"] for row in taken)
    # What had no score in time told no risk.
    risk = [1 - (one["probabilities"] or {"normal": 1.0})["normal"] for one in told]
    fraud = np.array([int(row["TX_FRAUD"]) for row in taken]) == 1
    precision = Ranking(np.array(risk), fraud).average_precision()
    vary = 1 - len(found.same) / len(found.own)
    print(
        f"{len(stored.taken):,} rows compared, {size:,} of them after history;"
        f" {len(found.mismatches)} mismatches; probabilities apart by {found.apart:.2e} at most,"
        f" {len(found.late)} not in time;"
        f" {vary:.1%} of {len(found.own)} features vary, never: {found.same};"
        f" {fraud.sum()} frauds, AP {precision:.4f}; {time.monotonic() - began:.0f} s"
    )
    assert found.mismatches[:5] == []
    assert found.apart <= CLOSE
    assert len(found.late) <= LATE_SHARE_MAX * len(stored.taken)
    # One request at a time is never late; of eight at once a few may wait for a core that is busy.
    late = sum(row >= len(warm.history) for row in found.late)
    assert late <= (0 if clients == 1 else LATE_MAX)
    if profile == "full":
        assert vary >= VARIED, found.same
        assert precision >= AP_LEAST
