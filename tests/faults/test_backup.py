"""Backup, drop, restore, continue, under load: what was acknowledged before it is all there."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from service.db.keepers import open_keeper
from service.db.places import Database
from service.kernel.clock import SystemClock
from service.rooms.payments.tables import PAYMENTS
from service.unit_of_work.tables import ENTRIES, EVENTS, WRITER
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.postgres import Cluster
from tests.support.servers import Service
from tests.support.terminal import run
from tests.support.traffic import Story, Traffic

pytestmark = [pytest.mark.servers, pytest.mark.long]

ALL_OF_IT_S = 120
LOAD_S = 1.5


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


def test_backup_drop_restore_continue_under_load(
    tmp_path: Path, database: Database | None, request: pytest.FixtureRequest
) -> None:
    cluster = None if database is None else request.getfixturevalue("cluster")
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    pause = threading.Event()
    kept = tmp_path / "kept"
    with Service(tmp_path / "data", database=database) as service:
        shelf, shop = Shelf(service), service.shop()
        with Traffic(service, shop) as traffic:
            pause.wait(LOAD_S)
            manifest = shelf.run("backup", kept)["manifest"]
            pause.wait(LOAD_S)
        at = manifest["store"]["sequence"]
        for process in (service.front_end, service.worker, service.writer):
            assert process.stop() == 0
        drop(service, cluster)

        shelf.run("restore", kept)

        found = open_keeper(service.settings.database).facts()
        assert found is not None
        assert found.tables == manifest["store"]["tables"]
        books = Books(service.settings.database)
        books.check()
        books.check_decisions(service.secrets.sealer)
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

        service.writer.start()
        service.worker.start()
        service.start_front_end()
        service.until_ready()
        with service.client(shop) as client:
            made = create(client, a_payment("after-the-restore"))
        assert int(made.headers["payguard-batch"]) > at
        with Traffic(service, service.shop(), clients=2) as again:
            pause.wait(0.5)
        again.check_replays()
        books = Books(service.settings.database)
        books.check()
        assert books.rows(WRITER)[0]["epoch"] == writer["epoch"] + 1
    shutil.rmtree(kept)
    assert (clock.monotonic_ns() - began_ns) / 1e9 < ALL_OF_IT_S
