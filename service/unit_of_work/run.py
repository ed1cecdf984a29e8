"""run_batch: the one function through which every state change goes. Never talks to a network."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from service.db.statements import Bound, Row
from service.db.store import (
    CommitUnknown,
    GuardFailed,
    NotReadable,
    StoreUnavailable,
    Transaction,
)
from service.kernel.errors import Faulted, Overloaded, ResultUnknown, SubmitFailed
from service.kernel.ids import new_id
from service.state.cache import Overlay, entity_row
from service.state.entities import EntityKey
from service.unit_of_work import faults, idempotency
from service.unit_of_work.batch import Assembly, Done, NotWritable, Steps, Ticket
from service.unit_of_work.commands import Reply
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.outcome import Change
from service.unit_of_work.perform import Prepared, keep, perform, prepare
from service.unit_of_work.ports import Ports

BATCH_WORK_NS: Final = 5_000_000
IDLE_WRITE_BACK: Final = 256
# One batch moves the pace by which the next are measured this much: one part in so many.
PACE_SHARE: Final = 8
# A batch is run again without its guilty commands this often; what is left then runs one by
# one, so that a batch full of guilty ones costs a few runs of the whole, not one for each.
GUILTY_MAX: Final = 8


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
        # What a command's handler takes by and large.
        self._command_ns = 0

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
        fit = max(BATCH_WORK_NS // max(self._command_ns, 1), 1)
        # What will not fit is not even prepared: its reads would be made twice.
        results[fit:] = [Deferred() for _ in tickets[fit:]]
        commands = {place: prepare(self._handlers, one) for place, one in enumerate(tickets[:fit])}
        try:
            self._run(commands, results)
        except StoreUnavailable as error:
            self._ports.observer.unavailable(commands=results.count(None), reason=str(error))
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
        overlay = Overlay(self._ports.cache)
        try:
            self._commit([], overlay, now=self._ports.clock.now(), write_back=IDLE_WRITE_BACK)
        except StoreUnavailable:
            return False
        return self._ports.cache.waiting > 0

    def _run(self, together: dict[int, Prepared], results: list[Result | None]) -> None:
        """Run a batch until it commits; who is guilty is put out of it and runs alone after."""
        alone: dict[int, Prepared] = {}
        while together and len(alone) < GUILTY_MAX:
            guilty = self._attempt(together, results)
            if guilty is None:
                together = {}
                break
            alone[guilty.done.place] = together[guilty.done.place]
            together = {place: together[place] for place in guilty.others}
        for place, one in [*together.items(), *alone.items()]:
            guilty = self._attempt({place: one}, results)
            if guilty is not None:
                results[place] = self._conclude(guilty, one)

    def _attempt(
        self, commands: dict[int, Prepared], results: list[Result | None]
    ) -> "_Guilty | None":
        """Run commands and commit them; return the guilty one when they were rolled back."""
        clock = self._ports.clock
        now = clock.now()
        overlay = Overlay(self._ports.cache)
        commands, rows = self._fetch(commands)
        done: list[Done] = []
        # Work, not time: on a busy machine a batch must not get smaller, and dearer, the less of
        # it the writer is given.
        start_ns = clock.worked_ns()
        for place, one in commands.items():
            if clock.monotonic_ns() >= one.ticket.deadline_ns:
                results[place] = ResultUnknown()
            elif done and clock.worked_ns() - start_ns > BATCH_WORK_NS:
                results[place] = Deferred()
            else:
                result = self._handle(place, one, rows=rows, overlay=overlay, now=now)
                if isinstance(result, Done):
                    done.append(result)
                else:
                    results[place] = result
        if not done:
            return None
        # One command that was held up must not make the next batches small.
        took_ns = min((clock.worked_ns() - start_ns) // len(done), BATCH_WORK_NS)
        self._command_ns += (took_ns - self._command_ns) // PACE_SHARE
        try:
            self._commit(done, overlay, now=now, write_back=self._ports.cache.due())
        except _Guilty as guilty:
            guilty.now = now
            guilty.others = [other.place for other in done if other is not guilty.done]
            return guilty
        for finished in done:
            results[finished.place] = _result(finished)
        return None

    def _conclude(self, guilty: "_Guilty", one: Prepared) -> Result:
        """Commit what a failed guard means for a command that ran alone: a refusal or a fault."""
        now = guilty.now
        while True:
            overlay = Overlay(self._ports.cache)
            done = self._instead(guilty, one, overlay, now=now)
            try:
                self._commit([done], overlay, now=now, write_back=0)
            except _Guilty as again:
                guilty = again
            else:
                return _result(done)

    def _instead(
        self, guilty: "_Guilty", one: Prepared, overlay: Overlay, *, now: dt.datetime
    ) -> Done:
        failed = guilty.done
        refusal = guilty.change.refusal if guilty.change is not None else None
        if failed.fault_id is not None:
            raise WriterStops(f"a fault cannot be recorded: {guilty.reason}")
        if refusal is None:
            return self._fault(failed.place, one.ticket, guilty.reason, now=now)
        try:
            keep(refusal, one, overlay)
        except Exception as error:  # noqa: BLE001  a fault is whatever nobody expected
            return self._fault(failed.place, one.ticket, faults.cause_of(error), now=now)
        return Done(place=failed.place, ticket=one.ticket, outcome=refusal)

    def _fetch(
        self, commands: dict[int, Prepared]
    ) -> tuple[dict[int, Prepared], Mapping[Bound, list[Row]]]:
        """Fetch everything that the batch declared, and load its entities, in one round trip.

        A command whose reads cannot be run, or whose entity's row is damaged, comes back with the
        cause; where reads failed, the others' are asked again without it.
        """
        cache = self._ports.cache
        reads: dict[Bound, None] = {}
        keys: dict[EntityKey, None] = {}
        for one in commands.values():
            if one.stored is not None:
                reads[one.stored] = None
            reads.update(dict.fromkeys(one.reads))
            keys.update(dict.fromkeys(one.entities))
        missing = {entity_row(key): key for key in cache.missing(keys)}
        wanted = [*reads, *missing]
        if not wanted:
            return commands, {}
        try:
            found = self._ports.store.fetch(wanted)
        except NotReadable as error:
            broken = {wanted[place]: reason for place, reason in error.reasons.items()}
            return self._fetch({place: _without(one, broken) for place, one in commands.items()})
        rows = dict(zip(wanted, found, strict=True))
        damaged: dict[Bound, str] = {}
        for read, key in missing.items():
            try:
                cache.load(key, rows[read])
            except Exception as error:  # noqa: BLE001  a damaged row may fail in any way
                damaged[read] = faults.cause_of(error)
        if damaged:
            commands = {place: _without(one, damaged) for place, one in commands.items()}
        return commands, rows

    def _fetch_one(self, read: Bound) -> list[Row]:
        [rows] = self._ports.store.fetch([read])
        return rows

    def _handle(
        self,
        place: int,
        one: Prepared,
        *,
        rows: Mapping[Bound, list[Row]],
        overlay: Overlay,
        now: dt.datetime,
    ) -> Done | Result:
        """Return a command's stored reply, or what its handler makes of it."""
        ticket = one.ticket
        try:
            if one.stored is not None and rows[one.stored]:
                [row] = rows[one.stored]
                return idempotency.replay(row, call=ticket.call, batch=self._sequence, now=now)
            if one.cause:
                return self._fault(place, ticket, one.cause, now=now)
            outcome = perform(
                one,
                rows=rows,
                overlay=overlay,
                fetch=self._fetch_one,
                now=now,
                left_ns=ticket.deadline_ns - self._ports.clock.monotonic_ns(),
            )
        except StoreUnavailable:
            raise
        except Overloaded as error:
            # It asks to be sent again; its neighbours have nothing to do with that.
            return error
        except Exception as error:  # noqa: BLE001  a fault is whatever nobody expected
            return self._fault(place, ticket, faults.cause_of(error), now=now)
        return Done(place=place, ticket=ticket, outcome=outcome)

    def _fault(self, place: int, ticket: Ticket, cause: str, *, now: dt.datetime) -> Done:
        ports = self._ports
        fault_id = new_id("cmd", now=now, entropy=ports.random)
        sealed = faults.sealed_command(
            ticket.command, call=ticket.call, seed=ticket.seed, now=now, sequence=self._sequence
        )
        refused = faults.record(
            sealed, fault_id=fault_id, cause=cause, sealer=ports.sealer, entropy=ports.random
        )
        return Done(place=place, ticket=ticket, outcome=refused, fault_id=fault_id, cause=cause)

    def _commit(
        self, done: list[Done], overlay: Overlay, *, now: dt.datetime, write_back: int
    ) -> None:
        """Commit what the commands returned, one transaction, or nothing of it.

        Raises:
            _Guilty: One command's guard failed; everything is rolled back.
            StoreUnavailable: Nothing was committed.
            WriterStops: See run_batch.
        """
        ports = self._ports
        start_ns = ports.clock.monotonic_ns()
        chosen = ports.cache.write_back(write_back, worked_ns=ports.clock.worked_ns)
        written = [key for key, _ in chosen]
        transaction = ports.store.begin()
        try:
            assembly = self._write(
                done,
                transaction,
                folded=ports.cache.folded(written=written),
                rows=[bound for _, bound in chosen],
                now=now,
            )
        except BaseException:
            transaction.rollback()
            raise
        try:
            transaction.commit()
        except CommitUnknown as error:
            raise WriterStops(f"nobody knows whether the commit happened: {error}") from error
        first = assembly.base.sequence + 1
        last = assembly.base.sequence + len(done)
        ports.fence.committed(
            commands=len(done), written=assembly.written, numbers=assembly.last_numbers()
        )
        ports.cache.written(written)
        if done:
            ports.cache.commit(overlay.states, first=first, last=last)
            self._sequence = last
            self._tell(done, batch=last, commit_ns=ports.clock.monotonic_ns() - start_ns)

    def _write(
        self,
        done: list[Done],
        transaction: Transaction,
        *,
        folded: int,
        rows: list[Bound],
        now: dt.datetime,
    ) -> Assembly:
        """Run every statement of a batch: the fence, the commands' own, the entity rows."""
        fence = self._ports.fence
        assembly = Assembly(fence, transaction, log=str(fence.shard))
        try:
            steps = assembly.steps(done, folded=folded, now=now)
        except NotWritable as error:
            raise _Guilty(error.done, None, faults.cause_of(error.cause)) from error
        for row in rows:
            steps.add(row, None)
        try:
            transaction.run(steps.bounds)
        except GuardFailed as failed:
            raise _guilty(steps, failed) from failed
        return assembly

    def _tell(self, done: list[Done], *, batch: int, commit_ns: int) -> None:
        observer = self._ports.observer
        observer.committed(batch=batch, outcomes=done, commit_ns=commit_ns)
        for one in done:
            if one.fault_id is not None:
                name = type(one.ticket.command).__name__
                observer.faulted(fault_id=one.fault_id, command=name, cause=one.cause)


class _Guilty(Exception):  # noqa: N818  names the command because of which a batch rolled back
    others: Sequence[int] = ()
    now: dt.datetime

    def __init__(self, done: Done, change: Change | None, reason: str) -> None:
        super().__init__(reason)
        self.done = done
        self.change = change
        self.reason = reason


def _guilty(steps: Steps, failed: GuardFailed) -> Exception:
    owner = steps.owners[failed.step]
    if owner is None:
        return WriterStops(f"the store is not what this writer left: {failed.reason}")
    return _Guilty(owner, steps.changes[failed.step], f"guard failed: {failed.reason}")


def _without(one: Prepared, broken: Mapping[Bound, str]) -> Prepared:
    """Return a command as a fault if one of its reads is among the broken ones."""
    own = [*one.reads, *map(entity_row, one.entities), *([one.stored] if one.stored else ())]
    reasons = [broken[read] for read in own if read in broken]
    if not reasons:
        return one
    stored = None if one.stored in broken else one.stored
    return replace(
        one,
        stored=stored,
        handler=None,
        reads=frozenset(),
        entities=frozenset(),
        cause="; ".join(reasons),
    )


def _result(one: Done) -> Result:
    if one.fault_id is not None:
        return Faulted(one.fault_id)
    assert one.reply is not None
    return one.reply
