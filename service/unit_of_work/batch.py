"""A batch in the making: which rows it needs, what its commands returned, which steps follow."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import msgspec

from service.db.statements import Bound
from service.db.store import StoreUnavailable, Transaction
from service.unit_of_work import entries, events, idempotency
from service.unit_of_work.commands import Call, Command, Receipt, Reply
from service.unit_of_work.fence import Fence
from service.unit_of_work.outcome import Accepted, Change, Outcome, Refused

# Half of what a frame may hold; the rest is for receipts.
REPLY_BYTES_MAX: Final = 500_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """One command in the writer's queue.

    Attributes:
        command: What to do.
        call: Who asks.
        deadline_ns: Monotonic nanoseconds after which it is not to be run.
        seed: 32 bytes from which its ids and secrets are derived.
        cause: Why its keys could not be told; it then runs alone, to its fault.
    """

    command: Command
    call: Call
    deadline_ns: int
    seed: bytes
    cause: str = ""


@dataclass(slots=True, kw_only=True)
class Done:
    """A command that has returned, and the reply it gets once the commit has happened.

    Attributes:
        place: Its place among the batch's tickets.
        ticket: The command.
        outcome: What the handler returned, or what a fault is recorded as.
        fault_id: Set when the outcome records a fault.
        cause: What the fault was, for the log.
        reply: Made together with the steps.
    """

    place: int
    ticket: Ticket
    outcome: Outcome
    fault_id: str | None = None
    cause: str = ""
    reply: Reply | None = None


class NotWritable(Exception):  # noqa: N818  names the mistake
    """What a handler returned cannot be written down.

    Attributes:
        done: The command it belongs to.
        cause: What went wrong.
    """

    def __init__(self, done: Done, cause: Exception) -> None:
        super().__init__(done.ticket.command.__class__.__name__)
        self.done = done
        self.cause = cause


class Steps:
    """The statements of one transaction in order, each with the command it belongs to."""

    def __init__(self) -> None:
        self.bounds: list[Bound] = []
        self.owners: list[Done | None] = []
        self.changes: list[Change | None] = []

    def add(self, bound: Bound, owner: Done | None, change: Change | None = None) -> None:
        """Append one statement."""
        self.bounds.append(bound)
        self.owners.append(owner)
        self.changes.append(change)


class Assembly:
    """Turns outcomes into numbered rows, inside the transaction that will commit them."""

    def __init__(self, fence: Fence, transaction: Transaction, *, log: str) -> None:
        self._fence = fence
        self._transaction = transaction
        self._log = log
        self.base = fence.base(transaction)
        self.numbers: dict[tuple[str, str], tuple[int, int]] = {}
        self.written = 0

    def steps(self, done: list[Done], *, folded: int, now: dt.datetime) -> Steps:
        """Return every statement of the batch, the fence first, and set the replies.

        Raises:
            NotWritable: What a command returned cannot be written down.
            StoreUnavailable: A merchant's last number could not be read.
        """
        rows = Steps()
        batch = self.base.sequence + len(done)
        for offset, one in enumerate(done, start=1):
            stamp = events.Stamp(sequence=self.base.sequence + offset, batch=batch, at=now)
            try:
                self._add(rows, one, stamp)
            except StoreUnavailable:
                raise
            except Exception as error:
                raise NotWritable(one, error) from error
        for (tenant, merchant), (before, after) in self.numbers.items():
            rows.add(_raise_number(tenant, merchant, before, after), None)
        steps = Steps()
        steps.add(
            self._fence.step(commands=len(done), written=self.written, folded=folded, now=now),
            None,
        )
        steps.bounds += rows.bounds
        steps.owners += rows.owners
        steps.changes += rows.changes
        return steps

    def last_numbers(self) -> dict[tuple[str, str], int]:
        """Return the last entry number of each merchant that got one."""
        return {owner: after for owner, (_, after) in self.numbers.items()}

    def _add(self, rows: Steps, one: Done, stamp: events.Stamp) -> None:
        call = one.ticket.call
        outcome = one.outcome
        for change in outcome.changes:
            rows.add(change.bound, one, change)
        for ordinal, event in enumerate(outcome.events):
            rows.add(events.write_event(event, ordinal=ordinal, call=call, stamp=stamp), one)
        for ordinal, message in enumerate(outcome.messages):
            rows.add(events.write_message(message, ordinal=ordinal, call=call, stamp=stamp), one)
        receipts = self._entries(rows, one, stamp)
        one.reply = _reply(outcome, receipts=receipts, stamp=stamp)
        if one.fault_id is None:
            stored = idempotency.store(call, one.reply)
            if stored is not None:
                rows.add(stored, one)

    def _entries(self, rows: Steps, one: Done, stamp: events.Stamp) -> tuple[Receipt, ...]:
        call = one.ticket.call
        receipts = []
        for entry in one.outcome.entries:
            place = entries.Place(
                log=self._log,
                position=self.base.entries + self.written,
                number=self._number(call.tenant_id, call.merchant_id),
                sequence=stamp.sequence,
                batch=stamp.batch,
                at=stamp.at,
            )
            bound, receipt = entries.write(entry, call=call, place=place)
            rows.add(bound, one)
            receipts.append(receipt)
            self.written += 1
        return tuple(receipts)

    def _number(self, tenant_id: str, merchant_id: str) -> int:
        owner = (tenant_id, merchant_id)
        if owner not in self.numbers:
            last = self._fence.number(self._transaction, tenant_id, merchant_id)
            self.numbers[owner] = (last, last)
        before, after = self.numbers[owner]
        self.numbers[owner] = (before, after + 1)
        return after + 1


def _raise_number(tenant_id: str, merchant_id: str, before: int, after: int) -> Bound:
    if before == 0:
        return entries.INSERT_NUMBER(tenant_id=tenant_id, merchant_id=merchant_id, number=after)
    return entries.RAISE_NUMBER(
        owner_tenant=tenant_id, owner_merchant=merchant_id, before=before, after=after
    )


def _reply(outcome: Outcome, *, receipts: tuple[Receipt, ...], stamp: events.Stamp) -> Reply:
    """Make the reply, in a form that every carrier can carry: that is checked before the commit."""
    if isinstance(outcome, Accepted):
        body = msgspec.msgpack.encode(outcome.reply)
        if len(body) > REPLY_BYTES_MAX:
            raise ValueError("a reply is too large")
        return Reply(kind="accepted", body=body, receipts=receipts, batch=stamp.batch, now=stamp.at)
    assert isinstance(outcome, Refused)
    if len(msgspec.msgpack.encode((outcome.fields, outcome.errors))) > REPLY_BYTES_MAX:
        raise ValueError("a reply is too large")
    return Reply(
        kind="refused",
        problem=outcome.problem,
        fields=outcome.fields,
        errors=outcome.errors,
        receipts=receipts,
        batch=stamp.batch,
        now=stamp.at,
    )
