"""Another strategy under load, and a writer killed right behind it: one switch, none lost."""

import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from risk.strategy import load_strategy
from risk.strategy_content import Whole
from service.db.places import Database
from service.rooms.strategies import model
from service.rooms.strategies.contract import ActivateStrategy
from tests.service.rooms.strategies.test_commands import other
from tests.support.books import Books
from tests.support.servers import Service
from tests.support.traffic import Traffic

pytestmark = pytest.mark.servers

OWN = load_strategy().id
PAUSE_S = 0.4


def activate(service: Service, number: int, whole: Whole) -> str:
    strategy_id = whole.strategy.id
    by = model.signer(service.secrets.strategy)
    note = model.signed(number, strategy_id, whole.content, by)
    service.do(
        ActivateStrategy(number=number, strategy_id=strategy_id, content=whole.content, note=note)
    )
    return strategy_id


def in_order(books: Books) -> list[tuple[str, str]]:
    """Return kind and strategy of each entry that names one, in the log's order."""
    kinds = {"strategy.activated", "payment.assessed"}
    return [(one["kind"], one["strategy"]) for one in books.entries if one["kind"] in kinds]


def check_switches(log: Sequence[tuple[str, str]], expected: list[str]) -> None:
    """Hold that every judgement names the strategy whose activation stands last before it."""
    deciding = ""
    activated, judged = [], dict.fromkeys(expected, 0)
    for kind, strategy_id in log:
        if kind == "strategy.activated":
            deciding = strategy_id
            activated.append(strategy_id)
        else:
            assert strategy_id == deciding
            judged[strategy_id] += 1
    assert activated == expected
    assert all(judged.values()), judged


def test_every_judgement_names_the_strategy_that_the_log_says_decides(
    tmp_path: Path, own_database: Database | None
) -> None:
    pause = threading.Event()
    with Service(tmp_path / "data", database=own_database) as service:
        with Traffic(service, service.shop()):
            pause.wait(PAUSE_S)
            tight = activate(service, 2, other(20))
            pause.wait(PAUSE_S)
        books = Books(service.settings.database)
        check_switches(in_order(books), [OWN, tight])


def test_a_writer_killed_behind_its_answer_starts_with_what_was_committed(
    tmp_path: Path, own_database: Database | None
) -> None:
    pause = threading.Event()
    with Service(tmp_path / "data", database=own_database) as service:
        with Traffic(service, service.shop()):
            pause.wait(PAUSE_S)
            tight = activate(service, 2, other(20))
            service.kill_writer()
            pause.wait(PAUSE_S)
        books = Books(service.settings.database)
        check_switches(in_order(books), [OWN, tight])
