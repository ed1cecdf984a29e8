"""What a handler returns: accepted or refused, with everything that is to be committed. Pure."""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from service.db.statements import Bound
from service.kernel.errors import FieldError, Problem
from service.state.entities import Observation


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A guarded statement, and what its failure means where it guards a shared counter.

    Attributes:
        bound: The statement with its values; it must touch `statement.rows` rows.
        refusal: Committed instead when the guard fails with the command alone. None: a failing
            guard is a fault.
    """

    bound: Bound
    refusal: "Refused | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A fact about a payment or account; append-only, and the truth the rows are folded from.

    Attributes:
        type: What happened, in the past tense.
        subject_id: What it happened to.
        occurred_at: When it happened in the world.
        body: The fact itself.
        observations: What it adds to feature state.
    """

    type: str
    subject_id: str
    occurred_at: dt.datetime
    body: msgspec.Struct
    observations: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One audit record; who, when and from where are added by the unit of work.

    Attributes:
        kind: `subject.action` of the closed catalogue.
        subject: Id of what was touched.
        outcome: Success or failure of what was tried.
        payment: The payment it belongs to, if any.
        strategy: The strategy that decided, if one did.
        fields: Public facts: strings, integers, booleans, lists and objects of them.
    """

    kind: str
    subject: str
    outcome: Literal["success", "failure"] = "success"
    payment: str | None = None
    strategy: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One outbox row, delivered at least once by the worker.

    Attributes:
        kind: `subject.action`.
        subject_id: What it is about.
        body: Thin: ids and words, no amounts of others, no secrets.
    """

    kind: str
    subject_id: str
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The command's effect. Entries must not be empty: no record, no effect."""

    reply: msgspec.Struct
    entries: tuple[Entry, ...]
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An expected no. It commits what it carries, and at least its entry."""

    problem: Problem
    entries: tuple[Entry, ...]
    fields: dict[str, Any] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()
    changes: tuple[Change, ...] = ()
    events: tuple[Event, ...] = ()
    messages: tuple[Message, ...] = ()


Outcome = Accepted | Refused
