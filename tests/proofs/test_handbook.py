"""Real rows through two gunicorn workers: judged, executed, and made again from the log."""

import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.replay.columns import load_map
from service.db.places import Database
from service.kernel.clock import SystemClock
from tests.support.books import Books
from tests.support.checkout import create, execute
from tests.support.clients import Answer, Client, at_once
from tests.support.servers import Service

pytestmark = pytest.mark.servers

CLIENTS = 8
KEY = "handbook-row-{}"
Sized = Callable[..., int]


def first_rows(file: Path, count: int) -> list[dict[str, Any]]:
    """Return the first rows of the file; no more of it is read."""
    parquet = pytest.importorskip("pyarrow.parquet")
    with parquet.ParquetFile(file) as opened:
        batches = opened.iter_batches(batch_size=count, columns=list(load_map("handbook").columns))
        return next(batches).to_pylist()


def bodies(material: Path, count: int) -> list[dict[str, Any]]:
    mapped, now = load_map("handbook"), SystemClock().now()
    rows = first_rows(material / "data" / "handbook" / "transactions.parquet", count)
    return [mapped.request(row, now=now).body for row in rows]


def pay(client: Client, body: dict[str, Any]) -> tuple[Answer, Answer | None]:
    """Create a payment, and execute it if it was approved."""
    created = create(client, body, once=KEY.format(body["reference"]))
    # Whoever takes a new connection, each worker gets its share of many.
    client.reconnect()
    if created.body["outcome"] != "approve":
        return created, None
    once = f"execute-{created.body['id']}"
    return created, execute(client, created, body, once=once)


def test_rows_of_the_handbook_are_judged_executed_and_made_again_across_a_restart(
    tmp_path: Path, fresh_database: Database | None, material: Path, sized: Sized
) -> None:
    sent = bodies(material, sized(quick=200, ci=400, full=5_000))
    half = len(sent) // 2
    with Service(tmp_path / "data", database=fresh_database) as service:
        shop = service.shop()

        def go(part: list[dict[str, Any]]) -> list[tuple[Answer, Answer | None]]:
            return at_once(lambda: service.client(shop), pay, part, clients=CLIENTS)

        workers = service.front_end.children()
        idle = [_cpu_ticks(pid) for pid in workers]
        paid = go(sent[:half])
        restart = threading.Timer(0.3, service.kill_writer)
        restart.start()
        paid += go(sent[half:])
        restart.join()
        served = [_cpu_ticks(pid) - before for pid, before in zip(workers, idle, strict=True)]
        books = Books(service.settings.database)

    created = [one for one, _ in paid]
    executed = [two for _, two in paid if two is not None]
    assert len({answer.body["id"] for answer in created}) == len(sent)
    assert all(answer.body["assessment"]["strategy"] for answer in created)
    assert all(answer.body["receipt"] for answer in created)
    assert [answer.body["decision"] for answer in executed] == ["go"] * len(executed)
    assert len(executed) == sum(one.body["payment_token"] is not None for one in created)
    assert len(executed) > len(sent) * 0.9
    assert {row["reference"] for row in books.payments} == {body["reference"] for body in sent}
    assert len(workers) == 2
    assert min(served) * 20 > max(served), "both workers took their part"
    books.check()
    assert books.check_decisions(service.secrets.sealer) == len(created) + len(executed)


def test_a_burst_by_one_payer_is_declined_by_the_features_that_the_log_gives(
    service: Service, sized: Sized
) -> None:
    shop = service.shop()
    count = sized(quick=40, ci=60, full=120)
    now = SystemClock().now().isoformat()
    sent = [
        {
            "kind": "purchase",
            "occurred_at": now,
            "amount": {"value": 100, "currency": "CNY"},
            "payer": {"payer_id": "burst"},
            "payee": {"payee_id": "p_1"},
        }
        for _ in range(count)
    ]

    answers = at_once(lambda: service.client(shop), create, sent, clients=CLIENTS)

    outcomes = [answer.body["outcome"] for answer in answers]
    assert (outcomes.count("approve"), outcomes.count("decline")) == (30, count - 30)
    books = Books(service.settings.database)
    books.check()
    books.check_decisions(service.secrets.sealer)


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return sum(int(one) for one in itertools.islice(fields, 11, 13))
