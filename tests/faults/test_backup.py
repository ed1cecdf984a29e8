"""Backup, drop, restore, continue, under load: what was acknowledged before it is all there."""

import itertools
import json
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import pytest
from psycopg.conninfo import conninfo_to_dict

from service.db.keepers import open_keeper
from service.db.places import Database
from service.rooms.payments.tables import PAYMENTS
from service.unit_of_work.tables import ENTRIES, EVENTS, WRITER
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.postgres import Cluster
from tests.support.probe import CREATED
from tests.support.servers import Service, Shop
from tests.support.terminal import run
from tests.support.traffic import Story, Traffic

pytestmark = [pytest.mark.servers, pytest.mark.long]

Sized = Callable[..., int]
ALL_OF_IT_S = 120
# Before the backup; the largest profile has some thousand payments to put back.
LOAD_MS = {"quick": 1_500, "ci": 1_500, "full": 60_000}
INSISTING = 2


class Insisting:
    """Clients that create payments, each asking until it is told, whoever goes meanwhile.

    Attributes:
        made: The references of the payments that were acknowledged, in that order.
    """

    def __init__(self, service: Service, shop: Shop) -> None:
        self._service = service
        self._shop = shop
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(INSISTING)
        self._running: list[Future[None]] = []
        self.made: list[str] = []

    def __enter__(self) -> Self:
        self._running = [self._pool.submit(self._run, number) for number in range(INSISTING)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._pool.shutdown(wait=True)
        for one in self._running:
            one.result()

    def _run(self, number: int) -> None:
        with self._service.client(self._shop) as client:
            for turn in itertools.count():
                if self._stopping.is_set():
                    return
                reference = f"insisting-{number}-{turn:06}"
                body = a_payment(reference)
                answer = client.post_for_sure("/v1/payments", body, once=reference)
                assert answer.status == CREATED, answer
                self.made.append(reference)


class Shelf:
    """A service's backups, made and put back by the command line beside its processes."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._environment = {
            name: value
            for name, value in service.writer.environment.items()
            if name.startswith("PAYGUARD_")
        }

    def run(self, *arguments: object) -> dict[str, Any]:
        done = run([*arguments, "--json"], **self._environment)
        assert done.returncode == 0, done.stdout + done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said


def batches(story: Story) -> list[int]:
    """Return the sequence number up to which each acknowledged step of a payment is committed."""
    return [int(one.answer.headers["payguard-batch"]) for one in story.asked]


def drop(service: Service, cluster: Cluster | None) -> None:
    """Lose the store: the file and its log, or every table of the database."""
    database = service.settings.database
    if isinstance(database, Path):
        for one in database.parent.glob(f"{database.name}*"):
            one.unlink()
        return
    assert cluster is not None
    name = str(conninfo_to_dict(database.owner)["dbname"])
    with cluster.connect(name) as superuser:
        superuser.execute("DROP SCHEMA public CASCADE")
        superuser.execute("DROP SCHEMA payguard_partitions CASCADE")
        superuser.execute("CREATE SCHEMA public AUTHORIZATION pg_database_owner")


@pytest.fixture
def database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    if store_kind == "sqlite":
        return None
    made: Database = request.getfixturevalue("cluster").database()
    return made


def check_restored(books: Books, traffic: Traffic, at: int) -> None:
    """Hold that all is there up to a sequence number, and nothing after it."""
    books.check()
    payments = {row["payment_id"] for row in books.rows(PAYMENTS)}
    created = {story.payment_id: batches(story)[0] for story in traffic.stories}
    # The sequence in the manifest says exactly what is there and what is lost.
    assert payments == {name for name, batch in created.items() if batch <= at}
    assert payments < created.keys()
    assert payments
    steps = [batch for story in traffic.stories for batch in batches(story)]
    events = {row["batch"] for row in books.rows(EVENTS)}
    assert events <= {batch for batch in steps if batch <= at}
    [writer] = books.rows(WRITER)
    assert writer["sequence"] == at
    assert writer["entries"] == len(books.rows(ENTRIES))


def test_backup_drop_restore_continue_under_load(
    tmp_path: Path, sized: Sized, database: Database | None, request: pytest.FixtureRequest
) -> None:
    cluster = None if database is None else request.getfixturevalue("cluster")
    pause = threading.Event()
    kept = tmp_path / "kept"
    with Service(tmp_path / "data", database=database) as service:
        shelf, shop = Shelf(service), service.shop()
        with Traffic(service, shop) as traffic:
            pause.wait(sized(**LOAD_MS) / 1_000)
            began = time.monotonic()
            manifest = shelf.run("backup", kept)["manifest"]
            pause.wait(1.5)
        at = manifest["store"]["sequence"]
        with Insisting(service, shop) as insisting:
            pause.wait(0.5)
            for process in (service.front_end, service.worker, service.writer):
                assert process.stop() == 0
            drop(service, cluster)

            shelf.run("restore", kept)

            lost = len(insisting.made)
            found = open_keeper(service.settings.database).facts()
            restored = Books(service.settings.database)
            service.writer.start()
            service.worker.start()
            service.start_front_end()
            service.until_ready()
            took_s = time.monotonic() - began
            pause.wait(0.5)
        assert found is not None
        assert found.tables == manifest["store"]["tables"]
        check_restored(restored, traffic, at)
        restored.check_decisions(service.secrets.sealer)
        with service.client(shop) as client:
            made = create(client, a_payment("after-the-restore"))
        assert int(made.headers["payguard-batch"]) > at
        with Traffic(service, service.shop(), clients=2) as again:
            pause.wait(0.5)
        again.check_replays()
        books = Books(service.settings.database)
        books.check()
        assert books.rows(WRITER)[0]["epoch"] == restored.rows(WRITER)[0]["epoch"] + 1
    # Who went on asking was told in the end: what was acknowledged since is there, once each.
    assert 0 < lost < len(insisting.made)
    references = [row["reference"] for row in books.payments]
    since = sorted(one for one in references if one and one.startswith("insisting-"))
    assert since == sorted(insisting.made[lost:])
    shutil.rmtree(kept)
    print(f"{len(restored.payments)} payments, back after {took_s:.1f} s")
    assert took_s < ALL_OF_IT_S
