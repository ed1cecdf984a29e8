"""The worker killed again and again while it grows the log's tree: the log verifies all the same,
under load and afterwards, and what is on the disk outside is what the database says."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import psycopg
import pytest

from service.cli.audit_finding import Finding
from service.cli.audit_verify import LogCheck
from service.db.places import Database, Place
from service.db.stores import open_spanning_reader
from service.rooms.audit.contract import LOG
from service.rooms.audit.queries import keys_of, latest, verifiers_of
from service.worker.outside import CheckpointFolder
from tests.support.servers import Service
from tests.support.traffic import Traffic
from tests.support.writer import until

pytestmark = pytest.mark.servers

Sized = Callable[..., int]
CHANGE = "UPDATE entries SET kind = 'x.y' WHERE position = 7"


def verified(service: Service) -> Finding:
    reader = open_spanning_reader(service.settings.database)
    outside = CheckpointFolder(service.settings.checkpoints, LOG)
    verifiers = verifiers_of(keys_of(reader, LOG))
    return LogCheck(reader, outside, verifiers, progress=lambda _done, _total: None).run()


def change(place: Place) -> None:
    if isinstance(place, Path):
        with closing(sqlite3.connect(place)) as connection:
            connection.execute(CHANGE)
            connection.commit()
    else:
        with psycopg.connect(place.owner) as owner:
            owner.execute(CHANGE)


def test_a_worker_killed_while_the_tree_grows(
    tmp_path: Path, sized: Sized, own_database: Database | None
) -> None:
    kills = sized(quick=4, ci=4, full=200)
    chance = np.random.default_rng(20_261_128)
    pause = threading.Event()
    settings = {"CHECKPOINT_EVERY_S": 1, "TIMER_POLL_MS": 10}
    with Service(tmp_path / "data", settings=settings, database=own_database) as service:
        with Traffic(service, service.shop()):
            for wait_s in chance.uniform(0.4, 1.2, kills):
                pause.wait(float(wait_s))
                service.worker.kill()
                found = verified(service)
                assert found.verified, found
                service.worker.start()
        reader = open_spanning_reader(service.settings.database)
        outside = CheckpointFolder(service.settings.checkpoints, LOG)

        def is_whole() -> bool:
            row, found = latest(reader, LOG), verified(service)
            return row is not None and found.unsigned <= 1 and outside.latest() == row["note"]

        until(is_whole, tries=200)
        found = verified(service)
        assert (found.verified, found.outside) == (True, found.size)
        assert found.size > 10
        change(service.settings.database)
        spoiled = verified(service)
    assert (spoiled.fault, spoiled.position, spoiled.field) == ("changed", 7, "kind")
