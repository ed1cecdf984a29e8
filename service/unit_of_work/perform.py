"""One command, from what it declares to what it returns. Commits nothing."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from keys import entropy
from service.db.statements import Bound, Row
from service.state.cache import Overlay
from service.state.entities import EntityKey
from service.unit_of_work import idempotency
from service.unit_of_work.batch import Ticket
from service.unit_of_work.faults import cause_of
from service.unit_of_work.handlers import Context, Handler, Handlers, View
from service.unit_of_work.outcome import Outcome
from service.unit_of_work.view import BatchView, LoneView, UndeclaredRead


class NoEntry(Exception):  # noqa: N818  names the mistake
    """A handler returned no audit entry: no record, no effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A command with what it declares, asked once.

    Attributes:
        ticket: The command.
        stored: The read of its stored reply, if its call has an idempotency key.
        handler: Its handler; None when it could not be prepared.
        reads: The rows it declares.
        entities: The entities it declares.
        cause: Why it could not be prepared; it is then a fault.
    """

    ticket: Ticket
    stored: Bound | None = None
    handler: Handler | None = None
    reads: frozenset[Bound] = frozenset()
    entities: frozenset[EntityKey] = frozenset()
    cause: str = ""


def prepare(handlers: Handlers, ticket: Ticket) -> Prepared:
    """Ask a command's handler what it declares; a mistake in that is the command's own fault."""
    stored = idempotency.lookup(ticket.call)
    if ticket.cause:
        return Prepared(ticket=ticket, stored=stored, cause=ticket.cause)
    try:
        handler = handlers.of(ticket.command)
        reads = handler.reads(ticket.command, ticket.call) if handler.reads is not None else ()
        return Prepared(
            ticket=ticket,
            stored=stored,
            handler=handler,
            reads=frozenset(reads),
            entities=frozenset(handler.entities(ticket.command, ticket.call)),
        )
    except Exception as error:  # noqa: BLE001  a declaration may fail in any way
        return Prepared(ticket=ticket, stored=stored, cause=cause_of(error))


def perform(
    prepared: Prepared,
    *,
    rows: Mapping[Bound, list[Row]],
    overlay: Overlay,
    fetch: Callable[[Bound], list[Row]],
    now: dt.datetime,
    left_ns: int | None = None,
) -> Outcome:
    """Run a command's handler and fold what it observed into an overlay.

    Args:
        prepared: The command, well prepared.
        rows: The declared rows.
        overlay: Feature state, with what the commands before it added.
        fetch: Reads rows for a command that declares none.
        now: The writer's clock.
        left_ns: What is left of its deadline.

    Raises:
        Exception: Whatever the handler met; the overlay is then as it was.
    """
    handler, ticket = prepared.handler, prepared.ticket
    assert handler is not None
    view: View
    if handler.reads is None:
        view = LoneView(fetch, entities=prepared.entities, overlay=overlay)
    else:
        view = BatchView(rows, declared=prepared.reads, entities=prepared.entities, overlay=overlay)
    context = Context(
        now=now, call=ticket.call, entropy=entropy.derived(ticket.seed), left_ns=left_ns
    )
    outcome = handler.run(view, ticket.command, context)
    keep(outcome, prepared, overlay)
    return outcome


def keep(outcome: Outcome, prepared: Prepared, overlay: Overlay) -> None:
    """Check that an outcome has its record, and fold what it observed, whole or not at all.

    Raises:
        NoEntry: There is no entry.
        UndeclaredRead: It observed an entity that the command did not declare.
    """
    if not outcome.entries:
        raise NoEntry
    call = prepared.ticket.call
    own = Overlay(overlay)
    for event in outcome.events:
        for one in event.observations:
            key = EntityKey(call.tenant_id, call.mode, one.kind, one.key)
            if key not in prepared.entities:
                raise UndeclaredRead(f"entity {key.kind}")
            own.add(key, one)
    overlay.join(own)
