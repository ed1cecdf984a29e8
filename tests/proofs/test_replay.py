"""A file at its own times through two gunicorn workers: features and decisions as offline."""

import datetime as dt
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest

from risk.assessment import Assessment
from risk.feature import load_features
from risk.offline.backtest import try_strategy
from risk.offline.columns import ABSENT, MISSING, Columns, Labels, compute
from risk.offline.history import History
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing
from service.cli.backtest.fields import Fields
from service.cli.backtest.history import facts_of
from service.cli.replay.columns import ColumnMap, load_map
from service.cli.replay.crew import Crew, How
from service.cli.replay.order import Order
from service.cli.replay.sender import read_target
from service.cli.replay.tally import Summary, Tally
from service.db.places import Database
from service.kernel.clock import SystemClock
from service.rooms.assessments.public import open_features
from service.rooms.assessments.tables import ASSESSMENTS
from service.rooms.labels.tables import LABELS
from tests.support.books import Books
from tests.support.places import rows_of
from tests.support.ruled import raising, whole_of
from tests.support.scored import activation
from tests.support.servers import SCOPES, Service, Shop

pytestmark = pytest.mark.servers

CLIENTS = 8
FEATURES = load_features()
ENTITIES = {"payer", "payee", "merchant"}  # those that a row of the file names, and whose key it is
# Small sizes end before a label is known.
OF_LABELS = "payee_of_frauds"
# They read features, what was told and what was declined; some payments lack what one of them
# needs. None reads `payee_is_new`: no payment of scope `replay` is executed, see docs/backtest.md.
RULES = (
    raising("default(payer_amount_to_normal, 1_000) >= 1_500", "decline", code="large_for_payer"),
    raising("amount_minor > 15_000 or local_hour < 1", "review", code="large_or_by_night"),
    raising("default(payer_declined_share_24h, 0) >= 1", "challenge", code="goes_on_trying"),
    raising("default(payee_fraud_count_30d, 0) >= 1", "hold", code=OF_LABELS),
    raising("payer_since_last_s < 15m", "challenge", code="soon_again"),
)
VARIED = 0.95
# With a label for each row, so that payees are known to be sound as well.
MAP = load_map("handbook_labelled")
Sized = Callable[..., int]
Row = dict[str, Any]
# When the map lets a label become known, and what it calls what the file says.
WEEK_S = 604_800
INTENTS = ("normal", "unauthorized")


class LabelTold(NamedTuple):
    """What is said of a payment, and when that became known, whole seconds since 1970."""

    reference: str
    known: int
    intent: str


def some_rows(material: Path, count: int, *, payers: int) -> list[Row]:
    """Return the first rows of so many payers, or of as many payees: each of them comes often."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = parquet.ParquetFile(material / "data" / "handbook" / "transactions.parquet")
    found: list[Row] = []
    for batch in file.iter_batches(columns=[*MAP.columns, *MAP.label_columns]):
        payer, payee = (
            batch.column(name).to_numpy(zero_copy_only=False).astype(np.int64)
            for name in ("CUSTOMER_ID", "TERMINAL_ID")
        )
        is_one = (payer % (5_000 // payers) == 3) | (payee % (10_000 // payers) == 3)
        found += batch.take(np.flatnonzero(is_one)).to_pylist()
        if len(found) >= count:
            break
    return found[:count]


def send(
    service: Service,
    shop: Shop,
    rows: list[Row],
    at_half: Callable[[], None],
    *,
    clients: int = CLIENTS,
    column_map: ColumnMap = MAP,
) -> Summary:
    """Send rows as `payguard replay` does, and do something once half of them are judged."""
    tally, clock, order = Tally(), SystemClock(), Order()
    crew = Crew(
        read_target(f"http://127.0.0.1:{service.port}"),
        key=shop.keys["sandbox"],
        how=How(size=clients, does_execute=True, is_in_order=True),
        tally=tally,
        clock=clock,
    )

    def watch() -> None:
        while tally.done < len(rows) // 2 and crew.is_working():
            time.sleep(0.01)
        at_half()

    crew.start()
    watching = threading.Thread(target=watch)
    watching.start()
    requests = (column_map.labelled(column_map.request(row, now=None), row) for row in rows)
    crew.send_all(order.by_time(requests, now=clock.now()))
    crew.join()
    watching.join()
    return tally.summary(duration_ns=1, is_interrupted=False)


class Compared:
    """What was stored with each judgement, and the same computed from the file alone.

    The store says only in which order the payments were taken in, and which were declined.
    """

    def __init__(self, service: Service, rows: list[Row]) -> None:
        books = Books(service.settings.database)
        assessments = {row["assessment_id"]: row for row in books.rows(ASSESSMENTS)}
        self.judged: list[Row] = []
        by_reference = {f"handbook-{row['TRANSACTION_ID']}": row for row in rows}
        taken: list[Row] = []
        self.stored: list[FeatureVector] = []
        declined: list[bool] = []
        for event in books.events:
            if event["type"] != "payment.created":
                continue
            body = json.loads(event["body"])
            judged = assessments[body["judgement"]["assessment_id"]]
            self.judged.append(judged)
            taken.append(by_reference[body["facts"]["reference"]])
            declined.append(judged["outcome"] == "decline")
            self.stored.append(
                open_features(
                    judged["features"],
                    assessment_id=judged["assessment_id"],
                    sealer=service.secrets.sealer,
                )
            )
        self.is_out_of_order = any(
            one["TX_DATETIME"] > other["TX_DATETIME"] for one, other in itertools.pairwise(taken)
        )
        self.taken = taken
        self.told, labels = _labels(books)
        self.columns = columns_of_rows(taken, declined)._replace(labels=labels)
        self.offline = compute(self.columns, FEATURES)

    def mismatches(self) -> list[tuple[int, str, object, int]]:
        """Return row, feature, and both values, wherever the two differ."""
        return [
            (row, name, value, int(self.offline[name][row]))
            for row, vector in enumerate(self.stored)
            for name, value in zip(vector.names, vector.values, strict=True)
            if (MISSING if isinstance(value, Missing) else value) != int(self.offline[name][row])
        ]

    def varied(self) -> tuple[int, list[str]]:
        """Return how many features are of entities that the data has, and which never vary."""
        own = own_features()
        values = {
            name: {value for vector in self.stored if (value := _known(vector, name)) is not None}
            for name in own
        }
        return len(own), [name for name in own if len(values[name]) < 2]


def own_features() -> list[str]:
    """Return the names of the features whose entities the data have."""
    return [
        one.name
        for one in FEATURES.features
        if one.entity in ENTITIES and (one.of is None or one.of in ENTITIES)
    ]


class Said(NamedTuple):
    """What a judgement decided, and which of its rules, and of its limit on speed, said what."""

    outcome: str
    level: int | None
    reasons: tuple[str, ...]
    degraded: tuple[str, ...]
    rules: tuple[tuple[str, str, str], ...]


def said(judged: Assessment) -> Said:
    return Said(
        judged.outcome,
        judged.level,
        tuple(one.code for one in judged.reasons),
        judged.degraded,
        tuple((one.rule, one.result, one.effect) for one in judged.rules),
    )


def tried(compared: Compared, strategy: Strategy) -> list[Said]:
    """Return what the back-test makes of the rows in the order in which they were taken in.

    It is told of no decision: what was declined it finds out by itself.
    """
    rows = compared.taken
    fields = Fields({name: [row[name] for row in rows] for name in MAP.columns}, MAP, len(rows))
    history = History(
        columns=compared.columns._replace(is_declined=np.zeros(len(rows), np.int64)),
        told={".".join(path): fields.of(path).code for path in fields.paths()},
        facts=lambda row: facts_of(MAP.request(rows[row], now=None).body),
        preset="judge_only",
    )
    found = try_strategy(history, strategy)
    by_group = [said(one) for one in found.assessments]
    return [by_group[group] for group in found.group]


def _known(vector: FeatureVector, name: str) -> float | None:
    value = vector.value(name)
    return None if isinstance(value, Missing) else value


def columns_of_rows(rows: list[Row], declined: list[bool]) -> Columns:
    """Return rows in the order of their coming as features are computed from them."""
    size = len(rows)
    none = np.full(size, ABSENT)
    requests = [MAP.request(row, now=None) for row in rows]
    return Columns(
        second=np.array([int(one.occurred_at.timestamp()) for one in requests]),
        amount_minor=np.array([one.body["amount"]["value"] for one in requests]),
        currency=np.zeros(size, np.int64),
        is_declined=np.array(declined, np.int64),
        keys={
            **dict.fromkeys(_kinds(), none),
            "payer": np.array([int(row["CUSTOMER_ID"]) for row in rows]),
            "payee": np.array([int(row["TERMINAL_ID"]) for row in rows]),
            "merchant": np.zeros(size, np.int64),
        },
    )


def labels_of_file(rows: Iterable[Row], *, after_s: int) -> list[LabelTold]:
    """Return the label that each row has by the file alone, known so long after its payment."""
    return [
        LabelTold(
            f"handbook-{row['TRANSACTION_ID']}",
            int(row["TX_DATETIME"].replace(tzinfo=dt.UTC).timestamp()) + after_s,
            INTENTS[int(row["TX_FRAUD"])],
        )
        for row in rows
    ]


def _labels(books: Books) -> tuple[list[LabelTold], Labels]:
    """Return what was told, which is to be as in the file, and after how many payments."""
    rows: dict[str, int] = {}
    references: list[str] = []
    told: list[LabelTold] = []
    found: list[tuple[int, int, int, int]] = []
    for event in books.events:
        body = json.loads(event["body"])
        if event["type"] == "payment.created":
            rows[body["payment_id"]] = len(rows)
            references.append(body["facts"]["reference"])
        elif event["type"] == "label.recorded":
            row, intent = rows[body["payment_id"]], body["intent"]
            known = int(dt.datetime.fromisoformat(body["known_at"]).timestamp())
            told.append(LabelTold(references[row], known, intent))
            found.append((row, len(rows), known, intent != "normal"))
    return told, Labels(*np.array(found, np.int64).reshape(-1, 4).T)


def _kinds() -> set[Any]:
    kinds: set[Any] = {one.entity for one in FEATURES.features}
    return kinds | {one.of for one in FEATURES.features if one.of is not None}


@pytest.mark.parametrize("is_killed", [False, True], ids=["undisturbed", "writer killed"])
def test_rows_at_their_own_times_have_the_features_that_they_have_offline(
    tmp_path: Path,
    fresh_database: Database | None,
    material: Path,
    sized: Sized,
    profile: str,
    is_killed: bool,
) -> None:
    rows = some_rows(
        material,
        sized(quick=300, ci=600 if fresh_database is None else 300, full=20_000),
        payers=sized(quick=50, ci=50, full=200),
    )
    whole = whole_of(*RULES)
    with Service(tmp_path / "data", database=fresh_database) as service:
        shop = service.shop(modes=["sandbox"], scopes=(*SCOPES, "labels:write", "replay"))
        service.do(activation(service, 2, whole))
        summary = send(service, shop, rows, service.kill_writer if is_killed else lambda: None)
        compared = Compared(service, rows)
        labels = rows_of(service.settings.database, LABELS)
        books = Books(service.settings.database)

    assert (summary.rows, summary.failed, summary.errors) == (len(rows), 0, {})
    assert len(compared.stored) == len(rows)
    assert compared.mismatches() == []
    decided = [said(msgspec.json.decode(row["judged"], type=Assessment)) for row in compared.judged]
    offline = tried(compared, whole.strategy)
    assert [two for two in zip(decided, offline, strict=True) if two[0] != two[1]] == []
    outcomes = {one.outcome for one in decided}
    results = {(rule, result) for one in decided for rule, result, _ in one.rules}
    assert outcomes >= {"approve", "review", "hold", "decline"}
    hits = {rule for rule, result in results if result == "hit"}
    assert hits >= {rule.code for rule in RULES if profile == "full" or rule.code != OF_LABELS}
    assert ("soon_again", "error") in results
    assert summary.executed == {}
    assert books.tokens == []
    assert sorted(compared.told) == sorted(labels_of_file(rows, after_s=WEEK_S))
    references = sorted(f"handbook-{row['TRANSACTION_ID']}" for row in rows)
    assert sorted(row["external_id"] for row in labels) == references
    count, same = compared.varied()
    print(
        f"{len(rows):,} rows, {len(compared.stored) * len(FEATURES.features):,} values,"
        f" {1 - len(same) / count:.1%} of {count} features vary; never: {same};"
        f" out of order: {compared.is_out_of_order}; labels: {len(labels)}"
    )
    if profile == "full":
        assert 1 - len(same) / count >= VARIED, same
