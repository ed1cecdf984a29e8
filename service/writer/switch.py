"""Puts a strategy in force: what was committed decides from the next batch on, and at a start."""

from collections.abc import Sequence
from typing import Final

from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from keys.entropy import SEED_BYTES, Entropy
from service.db.store import Store, StoreUnavailable
from service.kernel.clock import Clock
from service.kernel.ids import new_id
from service.rooms.assessments.public import Judge
from service.rooms.models.public import NoteScorer
from service.rooms.strategies import public as strategies
from service.rooms.strategies.public import Desk, Signer, StrategyRefused
from service.unit_of_work.batch import Done, Ticket
from service.unit_of_work.commands import HOUSE, Call, Command, Reply
from service.unit_of_work.outcome import Accepted
from service.unit_of_work.ports import BatchObserver
from service.unit_of_work.run import UnitOfWork, WriterStops
from service.writer.scoring import Scoring

OWN_COMMAND_NS: Final = 60_000_000_000


class Switch(BatchObserver):
    """Switches the judge after each commit that brought another strategy; passes all else on.

    Args:
        judge: Whose strategy it is.
        scoring: Has the models of strategies.
        desk: What strategies are read with.
        store: Where the strategy in force is read.
        log: Says which strategy decides.
        to: Told everything.
    """

    def __init__(
        self,
        judge: Judge,
        scoring: Scoring,
        desk: Desk,
        store: Store,
        log: FilteringBoundLogger,
        *,
        to: BatchObserver,
    ) -> None:
        self._scoring = scoring
        self._judge = judge
        self._desk = desk
        self._store = store
        self._log = log
        self._to = to

    @override
    def committed(self, *, batch: int, outcomes: Sequence[Done], commit_ns: int) -> None:
        for done in outcomes:
            if not isinstance(done.outcome, Accepted):
                continue
            if isinstance(done.ticket.command, strategies.SWITCHING):
                self._switch()
            elif isinstance(done.ticket.command, NoteScorer):
                # It scores from here on: the log has it before the first score.
                self._scoring.refresh()
        self._to.committed(batch=batch, outcomes=outcomes, commit_ns=commit_ns)

    @override
    def waiting(self, commands: int) -> None:
        self._to.waiting(commands)

    @override
    def faulted(self, *, fault_id: str, command: str, cause: str) -> None:
        self._to.faulted(fault_id=fault_id, command=command, cause=cause)

    @override
    def unavailable(self, *, commands: int, reason: str) -> None:
        self._to.unavailable(commands=commands, reason=reason)

    def _switch(self) -> None:
        # Read back, not taken from the command: what a restart would find decides.
        try:
            [[row]] = self._store.fetch([strategies.IN_FORCE])
            found = strategies.opened(row, self._desk)
        except (StoreUnavailable, StrategyRefused) as error:
            # It is committed already, so only a start, which reads it anew, is safe.
            raise WriterStops(f"the strategy in force cannot be read back: {error}") from error
        self._judge.switch(found.strategy, self._scoring.scorer_of(found.strategy))
        self._scoring.look()
        self._log.info("strategy_in_force", strategy=row["strategy_id"], number=row["number"])


def start(
    judge: Judge, desk: Desk, by: Signer, *, work: UnitOfWork, store: Store, ticket: "Tickets"
) -> tuple[str, str] | None:
    """Let a writer that starts judge by what was put in force, or by what comes with it.

    Args:
        judge: Judges by the strategy that comes with the software so far.
        desk: What strategies are read with.
        by: Signs what the start puts in force.
        work: Commits it.
        store: Where the strategy in force is read.
        ticket: Makes the writer's own commands ready to run.

    Returns:
        The strategy brought by hand that this software cannot judge by, and why, if there is one.

    Raises:
        StrategyRefused: The strategy in force is not what was signed.
        StoreUnavailable: The store could not be read or written.
    """
    [rows] = store.fetch([strategies.IN_FORCE])
    row = rows[0] if rows else None
    found = strategies.at_start(row, desk)
    if found.is_new:
        [made] = work.run_batch([ticket(strategies.activation(found, row, by))])
        if not isinstance(made, Reply) or made.kind != "accepted":
            raise StoreUnavailable("the strategy could not be put in force; start it again")
    else:
        judge.switch(found.whole.strategy)
    return found.passed_over


class Tickets:
    """Makes commands of the writer itself ready to run."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy

    def __call__(self, command: Command) -> Ticket:
        """Return the command as the house's own."""
        return Ticket(
            command=command,
            call=Call(
                principal="writer",
                tenant_id=HOUSE,
                merchant_id=HOUSE,
                mode="live",
                origin="writer",
                request_id=new_id("req", now=self._clock.now(), entropy=self._entropy),
            ),
            deadline_ns=self._clock.monotonic_ns() + OWN_COMMAND_NS,
            seed=self._entropy(SEED_BYTES),
        )
