"""Has the models of strategies ready for the writer: checks them beside it, switches in batches.

A command that brings a strategy waits here, outside of the queue, until the strategy's model is
checked and mapped, or found unfit; its handler then says which. For the strategy in force a model
that cannot score is tried again and again, and payments are judged without it meanwhile.
"""

import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from risk.scored import ModelRef, Scorer
from risk.strategy import Strategy
from risk.strategy_content import NotAStrategy, read_content
from service.carriers.queue import Put, Settle
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.kernel.errors import Overloaded
from service.rooms.assessments.public import Judge
from service.rooms.models.public import NEWEST_SCORER, NoteScorer, ScorerState
from service.rooms.strategies import public as strategies
from service.rooms.strategies.public import ActivateStrategy
from service.scoring.asked import Why
from service.scoring.loader import Loader
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import Command, Lane

# A model that came back scores within a minute: the check and one of these waits.
TRY_AGAIN_S: Final = 15.0
# Strategies are brought by hand, one at a time.
WAITING_MAX: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Held:
    ticket: Ticket
    lane: Lane
    settle: Settle


class Scoring:
    """The models of a writer: of the strategy in force, and of one that is to be.

    Args:
        judge: Whose strategy's model it is.
        loader: Checks and maps.
        reader: Reads in the thread of this.
        ticket: Makes the writer's own commands ready to run.
        log: Told of models that cannot score.
        try_again_s: How long a model that cannot score is left alone.
    """

    def __init__(
        self,
        judge: Judge,
        loader: Loader,
        reader: Reader,
        *,
        ticket: Callable[[Command], Ticket],
        log: FilteringBoundLogger,
        try_again_s: float = TRY_AGAIN_S,
    ) -> None:
        self._try_again_s = try_again_s
        self._judge = judge
        self._loader = loader
        self._reader = reader
        self._ticket = ticket
        self._log = log
        self._waiting: queue.Queue[_Held | None] = queue.Queue(WAITING_MAX)
        self._put: Put | None = None
        self._thread: threading.Thread | None = None
        self._guard = threading.Lock()
        self._stopping = threading.Event()

    @property
    def model(self) -> str | None:
        """Id of the model of the strategy in force, if it has one."""
        named = self._judge.strategy.model
        return None if named is None else named.sha256

    def load_in_force(self) -> None:
        """Load the model of the strategy in force, if it has one and it is not at hand."""
        model_id = self.model
        if model_id is None or self._loader.shelf.why_not(model_id) is None:
            return
        self._loader.load(model_id, in_force=model_id)
        why = self._loader.shelf.why_not(model_id)
        if why is not None:
            self._log.warning("scorer_down", model=model_id, reason=why)

    def to_note(self) -> NoteScorer | None:
        """Return what has to be noted of the scorer; None where the newest note says it already.

        Raises:
            StoreUnavailable: The store could not be read.
        """
        model_id = self.model
        named = self._judge.strategy.model
        why = None if named is None else self._unfit(named)
        state: ScorerState = "none" if model_id is None else "ready" if why is None else "down"
        newest = self._reader.maybe(NEWEST_SCORER)
        told = (None, "none", None)
        if newest is not None:
            told = newest["model"], newest["state"], newest["why"]
        if told == (model_id, state, why):
            return None
        return NoteScorer(model=model_id, state=state, why=why)

    def scorer_of(self, strategy: Strategy) -> Scorer | None:
        """Return the model of a strategy, where it may score."""
        named = strategy.model
        if named is None or self._unfit(named) is not None:
            return None
        mapped = self._loader.shelf.mapped(named.sha256)
        return None if mapped is None else mapped.scorer

    def why_not(self, named: ModelRef) -> Why | None:
        """Return why a strategy that names a model so cannot be put in force; None when it can."""
        unfit = self._unfit(named)
        if unfit is None and not self._has_its_priors(named):
            return "other_model"
        return unfit

    def _has_its_priors(self, named: ModelRef) -> bool:
        """Say whether what stands in for a head that a model has not was signed with the model.

        One that is in force without it was put in force before this was asked: it goes on
        scoring, or every payment would be judged without a score from the next start on.
        """
        mapped = self._loader.shelf.mapped(named.sha256)
        return mapped is None or named.priors.items() <= mapped.manifest.priors.items()

    def _unfit(self, named: ModelRef) -> Why | None:
        """Return why the model that a strategy names cannot score here; None when it can."""
        mapped = self._loader.shelf.mapped(named.sha256)
        if mapped is None:
            return self._loader.shelf.why_not(named.sha256)
        said = mapped.manifest
        # A strategy must not call real what its model's maker called simulated.
        is_same = (named.origin, named.feature_set, named.inputs) == (
            said.origin,
            said.feature_set,
            said.inputs,
        )
        return None if is_same else "other_model"

    def refresh(self) -> None:
        """Give the judge what is mapped for its strategy; between batches only."""
        strategy = self._judge.strategy
        self._judge.switch(strategy, self.scorer_of(strategy))

    def look(self) -> None:
        """Have noted soon what changed; never waits. What is so at the start, `begin` notes."""
        if self._put is None:
            return
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)
        self._watch()

    def begin(self, put: Put, *, run: Callable[[list[Ticket]], object]) -> None:
        """Load the model of the strategy in force, so that the first payment is scored.

        Args:
            put: The writer's queue.
            run: Runs a batch; nothing else does so yet.

        Raises:
            StoreUnavailable: The store could not be read.
        """
        self._put = put
        self.load_in_force()
        self.refresh()
        named = self._judge.strategy.model
        if named is not None and not self._has_its_priors(named):
            self._log.warning("strategy_priors_not_the_models", model=named.sha256)
        note = self.to_note()
        if note is not None:
            run([self._ticket(note)])
        if not self._judge.is_scoring:
            self._watch()

    def stop(self) -> None:
        """Load no more; what waits is answered by the queue, which takes nothing any more."""
        self._stopping.set()
        self.look()

    def _watch(self) -> None:
        """Have a thread of its own for what takes seconds, once there is any such thing."""
        with self._guard:
            is_there = self._thread is not None and self._thread.is_alive()
            if not is_there and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="scoring", daemon=True)
                self._thread.start()

    def put(self, ticket: Ticket, *, lane: Lane, settle: Settle) -> None:
        """Queue a command; one that brings a strategy, once its model is looked at.

        Raises:
            Overloaded: The queue is full.
        """
        assert self._put is not None
        if not isinstance(ticket.command, strategies.SWITCHING):
            self._put(ticket, lane=lane, settle=settle)
            return
        self._watch()
        try:
            self._waiting.put_nowait(_Held(ticket=ticket, lane=lane, settle=settle))
        except queue.Full:
            raise Overloaded from None

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                held = self._waiting.get(timeout=self._try_again_s)
            except queue.Empty:
                self._keep_trying()
                continue
            if held is None:
                self._note()
            else:
                self._prepare(held)
        with contextlib.suppress(queue.Empty):
            while True:
                left = self._waiting.get_nowait()
                if left is not None:
                    left.settle(Overloaded())

    def _prepare(self, held: _Held) -> None:
        try:
            model_id = self._named(held.ticket.command)
            if model_id is not None and self._loader.shelf.why_not(model_id) is not None:
                self._loader.load(model_id, in_force=self.model)
            self._hand_on(held.ticket, held.lane, held.settle)
        except (StoreUnavailable, Overloaded):
            held.settle(Overloaded())

    def _named(self, command: Command) -> str | None:
        """Return the model of the strategy that a command brings; None where it cannot be read."""
        if isinstance(command, ActivateStrategy):
            content = command.content
        else:
            row = strategies.before(self._reader.maybe)
            if row is None:
                return None
            content = row["content"]
        try:
            named = read_content(content).model
        except NotAStrategy:
            return None
        return None if named is None else named.sha256

    def _keep_trying(self) -> None:
        if not self._judge.is_scoring:
            self.load_in_force()
        self._note()

    def _note(self) -> None:
        try:
            note = self.to_note()
            if note is not None:
                self._hand_on(self._ticket(note), "now", lambda _result: None)
        except (StoreUnavailable, Overloaded) as error:
            self._log.warning("scorer_not_noted", reason=type(error).__name__)

    def _hand_on(self, ticket: Ticket, lane: Lane, settle: Settle) -> None:
        assert self._put is not None
        self._put(ticket, lane=lane, settle=settle)
