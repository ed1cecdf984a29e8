"""Processes killed under load: nothing acknowledged is lost, nothing is done twice."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from service.db.places import Database
from service.db.stores import open_store
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.state.entities import ENTITIES, EntityKey
from service.writer.main import open_writer
from tests.support.books import Books
from tests.support.mortal_writer import POINTS
from tests.support.servers import Service
from tests.support.traffic import Traffic
from tests.support.writer import until

pytestmark = pytest.mark.servers

Sized = Callable[..., int]
WORKERS = 2
POLLS = 3_000


def held_states(service: Service, books: Books) -> dict[EntityKey, bytes]:
    """Return the feature state that a writer starts with, of every entity ever observed."""
    store = open_store(service.settings.database)
    log = logger(stream=sys.stderr.buffer, clock=SystemClock(), level=logging.ERROR, process="test")
    cache = open_writer(service.settings, store, registry=CollectorRegistry(), log=log).cache
    rows = {
        EntityKey(*(row[name] for name in EntityKey._fields)): row for row in books.rows(ENTITIES)
    }
    states = {}
    for key in books.folded_states():
        if cache.missing([key]):
            cache.load(key, [rows[key]])
        states[key] = cache.get(key).pack()
    store.close()
    return states


def kill_one(service: Service, chance: np.random.Generator) -> None:
    """Kill one process, the writer every other time, and see that it is there again."""
    kind = chance.choice(["writer", "front_end", "worker"], p=[0.5, 0.3, 0.2])
    if kind == "writer":
        service.kill_writer()
    elif kind == "worker":
        service.worker.kill()
        service.worker.start()
    else:
        workers = service.front_end.children()
        os.kill(workers[int(chance.integers(len(workers)))], signal.SIGKILL)
        until(lambda: len(service.front_end.children()) == WORKERS, tries=POLLS)


def test_processes_killed_at_random_under_load_lose_and_double_nothing(
    tmp_path: Path, sized: Sized, own_database: Database | None
) -> None:
    kills = sized(quick=4, ci=6, full=300)
    chance = np.random.default_rng(20_261_124)
    pause = threading.Event()
    with Service(tmp_path / "data", database=own_database) as service:
        with Traffic(service, service.shop()) as traffic:
            for wait_s in chance.uniform(0.05, 0.6, kills):
                pause.wait(float(wait_s))
                kill_one(service, chance)
            pause.wait(0.2)
        traffic.check_replays()
        service.writer.stop()
        books = Books(service.settings.database)
        traffic.check(books)
        books.check()
        books.check_decisions(service.secrets.sealer)
        assert held_states(service, books) == books.folded_states()

    assert sum(one.tries > 1 for one in traffic.asked) >= kills // 2


@pytest.fixture(scope="module")
def mortal(
    tmp_path_factory: pytest.TempPathFactory, module_database: Database | None
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("mortal") / "data"
    writer = "tests.support.mortal_writer"
    with Service(folder, writer=writer, database=module_database) as service:
        yield service


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_a_writer_killed_at_a_named_point_tells_the_truth_afterwards(
    mortal: Service, point: str, sized: Sized
) -> None:
    deaths = sized(quick=1, ci=1, full=10)
    chance = np.random.default_rng(POINTS.index(point))
    mortal.writer.stop()
    mortal.start_writer(dies_at=point, dies_after=int(chance.integers(3, 30)))
    statuses = []
    with Traffic(mortal, mortal.shop()) as traffic:
        for turn in range(deaths):
            statuses.append(mortal.writer.wait())
            is_last = turn == deaths - 1
            after = 0 if is_last else int(chance.integers(10, 40))
            mortal.start_writer(dies_at=point, dies_after=after)

    # Under load one of them ended by SIGSEGV before its own SIGKILL, once in some sixty deaths;
    # what must hold of the store is the same.
    assert set(statuses) <= {-signal.SIGKILL, -signal.SIGSEGV}
    assert len(statuses) == deaths
    books = Books(mortal.settings.database)
    traffic.check(books)
    books.check()
    books.check_decisions(mortal.secrets.sealer)
    repeated = [one for one in traffic.asked if one.tries > 1]
    assert repeated
    # What was on disk when the writer died is told to whoever asks again, and not done again.
    if point in {"committed", "told"}:
        assert any(one.answer.is_replayed for one in repeated)
