"""Strategies that have a model, and models brought to a running service."""

import functools
from typing import Any

import msgspec
from typing_extensions import override

from keys.sealing import Sealer
from risk.feature import load_features
from risk.models.calibration import Scored
from risk.models.container import MANIFEST, MARGINS, ROWS, TREES, float_bytes, pack, unpack
from risk.models.inputs import TOLD_INPUTS
from risk.models.manifest import write_manifest
from risk.scored import ModelRef, Scorer
from risk.strategy_content import Whole, from_content, packaged, read_content
from service.carriers.client import SocketCarrier
from service.db.places import Place
from service.kernel.clock import SystemClock
from service.rooms.assessments.public import Judge
from service.rooms.merchants.contract import Preset
from service.rooms.models import model as models
from service.rooms.models.contract import AddModel, AddModelPart
from service.rooms.strategies import model as strategies
from service.rooms.strategies.contract import ActivateStrategy
from service.state.codec import WindowStates
from service.unit_of_work.commands import HOUSE, Command, Mode
from service.writer.handlers import all_handlers
from tests.support.desk import ISSUER, Desk
from tests.support.models import file_of, file_over, grow
from tests.support.servers import Service, a_cli_call
from tests.support.uow import House


@functools.cache
def a_model(seed: int = 7) -> bytes:
    """Return the file of a small model over the first inputs that there are."""
    return file_of(load_features(), 8, unauthorized=grow(8, 30, 4, seed=seed))


@functools.cache
def a_telling_model() -> bytes:
    """Return the file of a small model to which payments of 1 to 30 yuan are not all alike."""
    grown = grow(8, 30, 4, scale=1_000.0)
    return file_over(load_features(), TOLD_INPUTS[:8], unauthorized=grown)


def with_model(file: bytes, **given: Any) -> Whole:
    """Return the software's own strategy with a model; `given` says otherwise of the model."""
    parts = unpack(file)
    said = parts.manifest
    named = ModelRef(
        sha256=parts.id,
        origin=said.origin,
        feature_set=said.feature_set,
        inputs=said.inputs,
    )
    named = msgspec.structs.replace(named, **given)
    content = msgspec.structs.replace(read_content(packaged().content), model=named)
    plain = msgspec.to_builtins(content, str_keys=True)
    return from_content(msgspec.json.encode(plain, order="sorted"), load_features())


def addition(file: bytes, by: Any) -> list[AddModelPart | AddModel]:
    """Return the commands that bring a model, signed."""
    manifest = write_manifest(unpack(file).manifest)
    parts = tuple(models.parts_of(file))
    added = AddModel(
        bytes_total=len(file),
        parts=tuple(map(models.digest, parts)),
        manifest=manifest,
        note=models.signed(manifest, by),
    )
    return [*(AddModelPart(content=part) for part in parts), added]


def bring(service: Service, file: bytes) -> str:
    """Add a model to a service's store and return its id."""
    for command in addition(file, models.signer(service.secrets.model)):
        service.do(command)
    return unpack(file).id


def activation(service: Service, number: int, whole: Whole) -> ActivateStrategy:
    """Return the activation of a strategy, signed."""
    by = strategies.signer(service.secrets.strategy)
    strategy_id = whole.strategy.id
    return ActivateStrategy(
        number=number,
        strategy_id=strategy_id,
        content=whole.content,
        note=strategies.signed(number, strategy_id, whole.content, by),
    )


def simulated(file: bytes) -> bytes:
    """Return the file of the same trees with another origin."""
    parts = unpack(file)
    manifest = msgspec.structs.replace(parts.manifest, origin="simulated")
    rest = {TREES[head]: booster for head, booster in parts.boosters.items()}
    rest |= {ROWS: float_bytes(parts.rows), MARGINS: float_bytes(parts.margins)}
    return pack(rest | {MANIFEST: write_manifest(manifest)})


def refusal(service: Service, command: Command) -> str | None:
    """Return the code of a command's refusal; None where it was accepted."""
    clock = SystemClock()
    submit = SocketCarrier(service.settings.socket_file, clock=clock)
    deadline_ns = clock.monotonic_ns() + 60 * 10**9
    reply = submit(command, call=a_cli_call(HOUSE, HOUSE), deadline_ns=deadline_ns)
    return None if reply.problem is None else reply.problem.code


class Fixed(Scorer):
    """Says the same of every row."""

    def __init__(self, model_id: str, unauthorized: float) -> None:
        self._said = Scored(model=model_id, unauthorized=unauthorized, scam=None, first_party=None)

    @override
    def score(self, row: Any, /) -> Scored:
        return self._said


class ScoredDesk(Desk):
    """A merchant whose strategy has a model, which scores when the test says so."""

    def __init__(self, place: Place, *, preset: Preset = "CN", mode: Mode = "live") -> None:
        self.strategy = with_model(a_model()).strategy
        self.sealer = Sealer(bytes(32))
        self.judge = Judge(self.strategy, self.sealer)
        handlers = all_handlers(self.judge, issuer=ISSUER)
        self.house = House(place, handlers.names.values(), codec=WindowStates())
        self.call = self.another(preset=preset, mode=mode)

    def score(self, unauthorized: float | None) -> None:
        """Let the model say this of every payment from now on; None lets it be down."""
        named = self.strategy.model
        assert named is not None
        scorer = None if unauthorized is None else Fixed(named.sha256, unauthorized)
        self.judge.switch(self.strategy, scorer)
