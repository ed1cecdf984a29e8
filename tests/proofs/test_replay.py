"""A file at its own times through two gunicorn workers: features as offline, and labels."""

import datetime as dt
import itertools
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk.feature import load_features
from risk.offline.columns import ABSENT, MISSING, Columns, Labels, compute
from risk.vectors import FeatureVector, Missing
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
from service.rooms.lists.contract import AddListEntry
from service.unit_of_work.commands import Call
from tests.support.books import Books
from tests.support.places import rows_of
from tests.support.servers import SCOPES, Service, Shop, a_cli_call

pytestmark = pytest.mark.servers

CLIENTS = 8
FEATURES = load_features()
ENTITIES = {"payer", "payee", "merchant"}  # those that a row of the file names, and whose key it is
# Payments to every so many terminals are declined, so that shares of declined ones are not all 0.
BLOCKED_EVERY = 12
VARIED = 0.95
MAP = load_map("handbook")
Sized = Callable[..., int]
Row = dict[str, Any]


def some_rows(material: Path, count: int, *, payers: int) -> list[Row]:
    """Return the first rows of so many payers: each of them comes often."""
    parquet = pytest.importorskip("pyarrow.parquet")
    file = parquet.ParquetFile(material / "data" / "handbook" / "transactions.parquet")
    found: list[Row] = []
    for batch in file.iter_batches(columns=[*MAP.columns, *MAP.label_columns]):
        payer = batch.column("CUSTOMER_ID").to_numpy(zero_copy_only=False).astype(np.int64)
        found += batch.take(np.flatnonzero(payer % (5_000 // payers) == 3)).to_pylist()
        if len(found) >= count:
            break
    return found[:count]


def block(service: Service, shop: Shop, rows: list[Row]) -> None:
    """Put some of the payees on the merchant's block list."""
    call = a_cli_call(shop.tenant_id, shop.merchant_id)
    sandbox = Call(
        **{name: getattr(call, name) for name in call.__struct_fields__} | {"mode": "sandbox"}
    )
    for number in sorted({int(row["TERMINAL_ID"]) for row in rows})[::BLOCKED_EVERY]:
        command = AddListEntry(
            kind="block",
            entity="payee",
            value=f"terminal-{number}",
            prefix=None,
            reason="declined by the test",
            owner="test",
            strength="absolute",
            expires_at=None,
        )
        service.do(command, sandbox)


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
        self.columns = columns_of_rows(taken, declined)._replace(labels=_labels(books))
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
        own = [
            one.name
            for one in FEATURES.features
            if one.entity in ENTITIES and (one.of is None or one.of in ENTITIES)
        ]
        values = {
            name: {value for vector in self.stored if (value := _known(vector, name)) is not None}
            for name in own
        }
        return len(own), [name for name in own if len(values[name]) < 2]


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


def _labels(books: Books) -> Labels:
    """Return what was told, and after how many payments; what it says comes from the file."""
    rows: dict[str, int] = {}
    found: list[tuple[int, int, int, int]] = []
    for event in books.events:
        body = json.loads(event["body"])
        if event["type"] == "payment.created":
            rows[body["payment_id"]] = len(rows)
        elif event["type"] == "label.recorded":
            known = int(dt.datetime.fromisoformat(body["known_at"]).timestamp())
            found.append((rows[body["payment_id"]], len(rows), known, body["intent"] != "normal"))
    return Labels(*np.array(found, np.int64).reshape(-1, 4).T)


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
    with Service(tmp_path / "data", database=fresh_database) as service:
        shop = service.shop(
            modes=["sandbox"], scopes=(*SCOPES, "labels:write", "lists:write", "replay")
        )
        block(service, shop, rows)
        summary = send(service, shop, rows, service.kill_writer if is_killed else lambda: None)
        compared = Compared(service, rows)
        labels = rows_of(service.settings.database, LABELS)
        books = Books(service.settings.database)

    assert (summary.rows, summary.failed, summary.errors) == (len(rows), 0, {})
    assert len(compared.stored) == len(rows)
    assert compared.mismatches() == []
    assert summary.executed == {}
    assert books.tokens == []
    fraud = {f"handbook-{row['TRANSACTION_ID']}" for row in rows if int(row["TX_FRAUD"]) == 1}
    assert {row["external_id"] for row in labels} == fraud
    count, same = compared.varied()
    print(
        f"{len(rows):,} rows, {len(compared.stored) * len(FEATURES.features):,} values,"
        f" {1 - len(same) / count:.1%} of {count} features vary; never: {same};"
        f" out of order: {compared.is_out_of_order}; labels: {len(labels)}"
    )
    if profile == "full":
        assert 1 - len(same) / count >= VARIED, same
