"""A gunicorn worker killed under load: the others serve, and nothing is lost."""

import os
import signal
import threading
from collections.abc import Callable

import numpy as np
import pytest

from tests.support.books import Books
from tests.support.servers import Service
from tests.support.traffic import Traffic
from tests.support.writer import until

pytestmark = pytest.mark.servers

Sized = Callable[..., int]


def test_front_ends_killed_under_load_lose_nothing(service: Service, sized: Sized) -> None:
    kills = sized(quick=6, ci=6, full=20)
    chance = np.random.default_rng(7)
    pause = threading.Event()

    with Traffic(service, service.shop()) as traffic:
        for wait_s in chance.uniform(0.1, 0.5, kills):
            pause.wait(float(wait_s))
            workers = service.front_end.children()
            os.kill(workers[int(chance.integers(len(workers)))], signal.SIGKILL)
            until(lambda: len(service.front_end.children()) == 2, tries=2_000)
        pause.wait(0.2)

    books = Books(service.settings.database)
    traffic.check(books)
    traffic.check_replays()
    books.check()
    books.check_decisions(service.secrets.sealer)
    assert any(one.tries > 1 for one in traffic.asked)
