"""run_batch: the one function through which every state change goes. Never talks to a network."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from keys import entropy
from service.db.statements import Bound, Row
from service.db.store import CommitUnknown, GuardFailed, StoreUnavailable
from service.kernel.errors import Faulted, Overloaded, ResultUnknown, SubmitFailed
from service.kernel.ids import new_id
from service.state.cache import ENTITY_BY_KEY, WRITE_BACK_AT_ONCE, Overlay
from service.state.entities import EntityKey
from service.unit_of_work import faults, idempotency
from service.unit_of_work.batch import Assembly, Done, NotWritable, Steps, Ticket
from service.unit_of_work.commands import Reply
from service.unit_of_work.handlers import Context, Handler, Handlers, View
from service.unit_of_work.outcome import Change, Outcome
from service.unit_of_work.ports import Ports
from service.unit_of_work.view import BatchView, LoneView, UndeclaredRead

BATCH_WORK_NS: Final = 5_000_000
# Rows are written back only once this many wait, or when the writer is idle: a hot entity is
# then written once for many payments.
WAITING_BEFORE_WRITE_BACK: Final = 2_000
IDLE_WRITE_BACK: Final = 256


class WriterStops(Exception):  # noqa: N818  says what follows
    """Memory and store might disagree; only a restart, which reads everything anew, is safe."""


class Deferred(SubmitFailed):
    """The batch's time was used up; the command goes into the next one."""


Result = Reply | SubmitFailed


class UnitOfWork:
    """Runs batches of commands, one transaction each."""

    def __init__(self, handlers: Handlers, ports: Ports, *, sequence: int) -> None:
        self._handlers = handlers
        self._ports = ports
        # The last sequence that was committed, for what belongs to no batch of its own.
        self._sequence = sequence

    def run_batch(self, tickets: Sequence[Ticket]) -> list[Result]:
        """Run commands that touch different keys, commit them together, return their replies.

        A command whose guard fails is rolled back with its neighbours, which then run again
        without it; it runs again alone. A command that meets a fault leaves its record and no
        other effect.

        Args:
            tickets: Commands no two of which share a key; one that reads as it likes alone.

        Returns:
            One result a ticket, in their order: a reply, or in what way there is none.

        Raises:
            WriterStops: The fence refused, or nobody knows whether the commit happened.
        """
        results: list[Result | None] = [None] * len(tickets)
        try:
            self._run(list(enumerate(tickets)), results)
        except StoreUnavailable:
            # What had been committed before the store went away has its reply already.
            return [one if one is not None else Overloaded() for one in results]
        finally:
            self._ports.cache.trim()
        assert all(one is not None for one in results)
        return [one for one in results if one is not None]

    def write_back(self) -> bool:
        """Write waiting feature state while nobody waits; True if there may be more.

        Raises:
            WriterStops: As for run_batch.
        """
        if self._ports.cache.waiting == 0:
            return False
        try:
            self._commit([], Overlay(self._ports.cache), limit=IDLE_WRITE_BACK)
        except StoreUnavailable:
            return False
        return self._ports.cache.waiting > 0

    def _run(self, numbered: list[tuple[int, Ticket]], results: list[Result | None]) -> None:
        now = self._ports.clock.now()
        overlay = Overlay(self._ports.cache)
        rows = self._fetch([ticket for _, ticket in numbered])
        done: list[Done] = []
        start_ns = self._ports.clock.monotonic_ns()
        for place, ticket in numbered:
            at_ns = self._ports.clock.monotonic_ns()
            if at_ns >= ticket.deadline_ns:
                results[place] = ResultUnknown()
            elif done and at_ns - start_ns > BATCH_WORK_NS:
                results[place] = Deferred()
            else:
                one = self._handle(place, ticket, rows=rows, overlay=overlay, now=now)
                if isinstance(one, Done):
                    done.append(one)
                else:
                    results[place] = one
        if not done:
            return
        try:
            self._commit(done, overlay, now=now)
        except _Guilty as guilty:
            self._again(done, guilty, results)
            return
        for one in done:
            results[one.place] = self._result(one)

    def _again(self, done: list[Done], guilty: "_Guilty", results: list[Result | None]) -> None:
        """Run a rolled back batch again: the others together, then the guilty one alone."""
        if len(done) > 1:
            others = [(one.place, one.ticket) for one in done if one is not guilty.done]
            self._run(others, results)
            self._run([(guilty.done.place, guilty.done.ticket)], results)
            return
        one = guilty.done
        refusal = guilty.change.refusal if guilty.change is not None else None
        if refusal is not None and one.outcome is not refusal:
            again = Done(place=one.place, ticket=one.ticket, outcome=refusal)
        elif one.fault_id is None:
            again = self._fault(one.place, one.ticket, f"guard failed: {guilty.reason}")
        else:
            raise WriterStops(f"a fault cannot be recorded: {guilty.reason}")
        try:
            self._commit([again], Overlay(self._ports.cache), now=self._ports.clock.now())
        except _Guilty as second:
            self._again([again], second, results)
            return
        results[again.place] = self._result(again)

    def _fetch(self, tickets: list[Ticket]) -> dict[Bound, list[Row]]:
        """Fetch everything that the batch declared, and load its entities, in one round trip."""
        reads: dict[Bound, None] = {}
        keys: dict[EntityKey, None] = {}
        for ticket in tickets:
            declared, entities = self._declared(ticket)
            reads.update(dict.fromkeys(declared))
            keys.update(dict.fromkeys(entities))
        missing = self._ports.cache.missing(keys)
        wanted = [*reads, *(ENTITY_BY_KEY(**key._asdict()) for key in missing)]
        if not wanted:
            return {}
        found = self._ports.store.fetch(wanted)
        for key, rows in zip(missing, found[len(reads) :], strict=True):
            self._ports.cache.load(key, rows)
        return dict(zip(reads, found, strict=False))

    def _declared(self, ticket: Ticket) -> tuple[list[Bound], Sequence[EntityKey]]:
        """Return a command's reads and entities; a fault in declaring shows when it is run."""
        stored = idempotency.lookup(ticket.call)
        reads = [] if stored is None else [stored]
        try:
            handler = self._handlers.of(ticket.command)
            if handler.reads is not None:
                reads += handler.reads(ticket.command, ticket.call)
            return reads, handler.entities(ticket.command, ticket.call)
        except Exception:  # noqa: BLE001  a handler's declaration may fail in any way
            return reads, ()

    def _handle(
        self,
        place: int,
        ticket: Ticket,
        *,
        rows: dict[Bound, list[Row]],
        overlay: Overlay,
        now: dt.datetime,
    ) -> Done | Reply:
        """Run one handler and fold what it observed into the batch's overlay."""
        stored = idempotency.lookup(ticket.call)
        if stored is not None and rows[stored]:
            base = self._sequence
            return idempotency.replay(rows[stored][0], call=ticket.call, batch=base, now=now)
        try:
            outcome = self._outcome(ticket, rows=rows, overlay=overlay, now=now)
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  a fault is whatever nobody expected
            return self._fault(place, ticket, faults.cause_of(error), now=now)
        return Done(place=place, ticket=ticket, outcome=outcome)

    def _outcome(
        self, ticket: Ticket, *, rows: dict[Bound, list[Row]], overlay: Overlay, now: dt.datetime
    ) -> Outcome:
        handler = self._handlers.of(ticket.command)
        view, entities = self._view(handler, ticket, rows=rows, overlay=overlay)
        context = Context(now=now, call=ticket.call, entropy=entropy.derived(ticket.seed))
        outcome = handler.run(view, ticket.command, context)
        if not outcome.entries:
            raise ValueError("a handler returned no entry: no record, no effect")
        additions = [
            (EntityKey(ticket.call.tenant_id, ticket.call.mode, one.kind, one.key), one)
            for event in outcome.events
            for one in event.observations
        ]
        for key, _ in additions:
            if key not in entities:
                raise UndeclaredRead(f"entity {key.kind}")
        for key, observation in additions:
            overlay.add(key, observation)
        return outcome

    def _view(
        self,
        handler: Handler,
        ticket: Ticket,
        *,
        rows: dict[Bound, list[Row]],
        overlay: Overlay,
    ) -> tuple[View, frozenset[EntityKey]]:
        if handler.reads is None:
            return LoneView(self._ports.store), frozenset()
        declared = frozenset(handler.reads(ticket.command, ticket.call))
        entities = frozenset(handler.entities(ticket.command, ticket.call))
        return BatchView(rows, declared=declared, entities=entities, overlay=overlay), entities

    def _fault(
        self, place: int, ticket: Ticket, cause: str, *, now: dt.datetime | None = None
    ) -> Done:
        ports = self._ports
        at = now if now is not None else ports.clock.now()
        fault_id = new_id("cmd", now=at, entropy=ports.random)
        sealed = faults.sealed_command(
            ticket.command, call=ticket.call, seed=ticket.seed, now=at, sequence=self._sequence
        )
        ports.observer.faulted(fault_id=fault_id, command=sealed.name, cause=cause)
        refused = faults.record(
            sealed, fault_id=fault_id, cause=cause, sealer=ports.sealer, entropy=ports.random
        )
        return Done(place=place, ticket=ticket, outcome=refused, fault_id=fault_id)

    def _result(self, one: Done) -> Result:
        if one.fault_id is not None:
            return Faulted(one.fault_id)
        assert one.reply is not None
        return one.reply

    def _commit(
        self,
        done: list[Done],
        overlay: Overlay,
        *,
        now: dt.datetime | None = None,
        limit: int | None = None,
    ) -> None:
        """Commit what the commands returned, one transaction, or nothing of it.

        Raises:
            _Guilty: One command's guard failed; everything is rolled back.
            StoreUnavailable: Nothing was committed.
            WriterStops: See run_batch.
        """
        ports = self._ports
        start_ns = ports.clock.monotonic_ns()
        if limit is None and ports.cache.waiting > WAITING_BEFORE_WRITE_BACK:
            limit = WRITE_BACK_AT_ONCE
        chosen = ports.cache.write_back(limit or 0)
        transaction = ports.store.begin()
        assembly = Assembly(ports.fence, transaction, log=str(ports.fence.shard))
        first = assembly.base.sequence + 1
        last = assembly.base.sequence + len(done)
        written = [key for key, _ in chosen]
        at = now if now is not None else ports.clock.now()
        folded = ports.cache.folded(first - 1, written=written)
        try:
            steps = assembly.steps(done, folded=folded, now=at)
        except NotWritable as error:
            transaction.rollback()
            raise _Guilty(error.done, None, faults.cause_of(error.cause)) from error
        for _, bound in chosen:
            steps.add(bound, None)
        try:
            transaction.run(steps.bounds)
        except GuardFailed as failed:
            raise _guilty(steps, failed) from failed
        try:
            transaction.commit()
        except CommitUnknown as error:
            raise WriterStops(f"nobody knows whether the commit happened: {error}") from error
        ports.fence.committed(
            commands=len(done), written=assembly.written, numbers=assembly.last_numbers()
        )
        ports.cache.commit(overlay.states, first=first, last=last)
        ports.cache.written(written)
        self._sequence = last
        if done:
            elapsed_ns = ports.clock.monotonic_ns() - start_ns
            ports.observer.committed(batch=last, outcomes=done, commit_ns=elapsed_ns)


class _Guilty(Exception):  # noqa: N818  names the command whose guard failed
    def __init__(self, done: Done, change: Change | None, reason: str) -> None:
        super().__init__(reason)
        self.done = done
        self.change = change
        self.reason = reason


def _guilty(steps: Steps, failed: GuardFailed) -> Exception:
    owner = steps.owners[failed.step]
    if owner is None:
        return WriterStops(f"the store is not what this writer left: {failed.reason}")
    return _Guilty(owner, steps.changes[failed.step], failed.reason)
