"""A writer's models: the one in force stays at hand, and says what its strategy says of it."""

import io
import logging
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.typing import FilteringBoundLogger

from keys import entropy
from risk.feature import load_features
from risk.models.arrays import Mapped, map_model, write
from risk.models.container import unpack
from risk.models.model import read_model
from risk.strategy import Strategy
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.rooms.assessments.public import Judge
from service.rooms.strategies.contract import ActivateStrategy
from service.scoring.shelf import MAPPED_MAX, Shelf
from service.secrets import open_secrets
from service.writer.scoring import Scoring
from service.writer.switch import Tickets
from tests.support.scored import a_model, with_model

LOG = logger(stream=sys.stderr.buffer, clock=SystemClock(), level=logging.ERROR, process="test")
TICKET = Tickets(SystemClock(), entropy.system)
FILE = a_model()


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    return map_model(write(tmp_path_factory.mktemp("models"), read_model(FILE, load_features())))


class Loads:
    """Takes every model for a sound one."""

    def __init__(self, mapped: Mapped) -> None:
        self.shelf = Shelf()
        self._mapped = mapped

    def load(self, model_id: str, *, in_force: str | None) -> None:
        self.shelf.put(model_id, self._mapped, in_force=in_force)


class Nothing:
    """A store in which nothing was noted."""

    def maybe(self, _call: object) -> None:
        return None


def scoring(
    strategy: Strategy, mapped: Mapped, folder: Path, log: FilteringBoundLogger = LOG
) -> Scoring:
    judge = Judge(strategy, open_secrets(folder / "root.key", entropy.system).sealer)
    loader: Any = Loads(mapped)
    reader: Any = Nothing()
    return Scoring(judge, loader, reader, ticket=TICKET, log=log)


@pytest.mark.long
def test_strategies_that_are_tried_do_not_take_the_model_in_force_away(
    mapped: Mapped, tmp_path: Path
) -> None:
    strategy = with_model(FILE).strategy
    own = scoring(strategy, mapped, tmp_path)
    handed_on: list[object] = []
    last = threading.Event()

    def put(ticket: Any, **_: object) -> None:
        handed_on.append(ticket.command)
        if len(handed_on) == MAPPED_MAX + 1:
            last.set()

    own.begin(put, run=lambda _tickets: None)
    for number in range(MAPPED_MAX + 1):
        content = with_model(FILE, sha256=f"sha256:{number:064x}").content
        command = ActivateStrategy(number=2, strategy_id="str_0", content=content, note="")
        own.put(TICKET(command), lane="now", settle=lambda _result: None)
    assert last.wait(30)
    own.stop()

    assert own.scorer_of(strategy) is mapped.scorer


@pytest.mark.long
@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({}, None),
        ({"priors": {"scam": 0.001}}, None),
        ({"priors": {"scam": 0.25}}, "other_model"),
        ({"origin": "simulated"}, "other_model"),
        ({"inputs": tuple(reversed(unpack(FILE).manifest.inputs))}, "other_model"),
    ],
)
def test_a_strategy_says_of_a_model_what_its_file_says(
    mapped: Mapped, tmp_path: Path, said: dict[str, Any], why: str | None
) -> None:
    strategy = with_model(FILE, **said).strategy
    own = scoring(strategy, mapped, tmp_path)
    own.load_in_force()

    assert strategy.model is not None
    assert own.why_not(strategy.model) == why


def test_a_strategy_in_force_with_priors_of_its_own_goes_on_scoring_and_is_told(
    mapped: Mapped, tmp_path: Path
) -> None:
    strategy = with_model(FILE, priors={"scam": 0.25}).strategy
    lines = io.BytesIO()
    own = scoring(strategy, mapped, tmp_path, log=logger(stream=lines, clock=SystemClock()))
    noted: list[Any] = []

    own.begin(lambda *_, **__: None, run=noted.extend)
    own.stop()

    assert own.scorer_of(strategy) is mapped.scorer
    assert [one.command.state for one in noted] == ["ready"]
    assert b"strategy_priors_not_the_models" in lines.getvalue()
