"""Processes killed under load: nothing acknowledged is lost, nothing is done twice."""

import logging
import math
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


def victims(kills: int, chance: np.random.Generator) -> list[str]:
    """Return what is killed in turn: at least every other time the writer."""
    writers = math.ceil(kills / 2)
    others = chance.choice(["front_end", "worker"], kills - writers, p=[0.6, 0.4])
    return [str(one) for one in chance.permutation([*["writer"] * writers, *others])]


def kill_one(service: Service, kind: str, chance: np.random.Generator) -> None:
    """Kill one process of a kind, and see that it is there again."""
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
            for kind in victims(kills, chance):
                pause.wait(float(chance.uniform(0.05, 0.6)))
                kill_one(service, kind, chance)
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


@pytest.fixture(scope="session")
def crashes() -> list[str]:
    """Return what was told of each death by SIGSEGV of the whole run."""
    return []


@pytest.mark.long
@pytest.mark.parametrize("point", POINTS)
def test_a_writer_killed_at_a_named_point_tells_the_truth_afterwards(
    mortal: Service, point: str, sized: Sized, crashes: list[str]
) -> None:
    deaths = sized(quick=1, ci=1, full=10)
    chance = np.random.default_rng(POINTS.index(point))
    mortal.writer.stop()
    mortal.start_writer(dies_at=point, dies_after=int(chance.integers(3, 30)))
    statuses = []
    with Traffic(mortal, mortal.shop()) as traffic:
        for turn in range(deaths):
            statuses.append(mortal.writer.wait())
            if statuses[-1] == -signal.SIGSEGV:
                crashes.append(mortal.writer.tail())
                print(crashes[-1])
            is_last = turn == deaths - 1
            after = 0 if is_last else int(chance.integers(10, 40))
            mortal.start_writer(dies_at=point, dies_after=after)

    # Under load one of them ended by SIGSEGV before its own SIGKILL, once in some sixty deaths;
    # what must hold of the store is the same. More often would be a fault of its own. The cause
    # is not known (docs/operations.md, Stop and restart): it is no late effect of the SIGKILL,
    # which is sent only by the writer itself, and after which no other status can be told.
    assert set(statuses) <= {-signal.SIGKILL, -signal.SIGSEGV}
    assert len(crashes) <= 1, "\n".join(crashes)
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
