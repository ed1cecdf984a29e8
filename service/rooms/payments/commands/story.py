"""One payment's way through one command: its events, and everything that commits with them."""

from typing import Any, Literal

import msgspec

from service.db.statements import Bound
from service.kernel.errors import PAYMENT_NOT_FOUND, FieldError, Problem
from service.rooms.assessments.public import Counted, count_again, give_back
from service.rooms.payments import model, moves, store
from service.rooms.payments.contract import PAYMENT_NOT_IN_STATE
from service.rooms.payments.model import Body, ExemptionCount, Payment
from service.state.entities import Observation
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View
from service.unit_of_work.outcome import Accepted, Change, Entry, Event, Message, Refused


class Story:
    """Collects what one command does to one payment, and writes it down at the end."""

    def __init__(self, ctx: Context, before: Payment | None) -> None:
        self._ctx = ctx
        self._before = before
        self._payment = before
        self._events: list[Event] = []
        self._changes: list[Change] = []
        self._entries: list[Entry] = []

    @property
    def payment(self) -> Payment:
        """The payment as it is by now."""
        assert self._payment is not None
        return self._payment

    def happen(self, body: Body, observations: tuple[Observation, ...] = ()) -> bool:
        """Apply an event; return whether it followed from the payment's status.

        Raises:
            model.IllegalMove: An event of our own that the table of moves does not have.
        """
        after = model.step(self._payment, body)
        self._payment = after.payment
        occurred_at = body.occurred_at if isinstance(body, model.Reported) else body.at
        self._events.append(
            Event(
                type=model.event_type(body),
                subject_id=after.payment.payment_id,
                occurred_at=occurred_at,
                body=body,
                observations=observations,
            )
        )
        return after.is_in_step

    def change(self, *changes: Change | Bound) -> None:
        """Add guarded statements."""
        self._changes += [one if isinstance(one, Change) else Change(bound=one) for one in changes]

    def enter(self, *entries: Entry) -> None:
        """Add entries that other rooms made."""
        self._entries += entries

    def record(
        self,
        kind: str,
        fields: dict[str, Any],
        *,
        outcome: Literal["success", "failure"] = "success",
        strategy: str | None = None,
    ) -> None:
        """Add an entry about this payment."""
        payment_id = self.payment.payment_id
        self._entries.append(
            Entry(
                kind=kind,
                subject=payment_id,
                payment=payment_id,
                outcome=outcome,
                strategy=strategy,
                fields=fields,
            )
        )

    def accepted(self, reply: msgspec.Struct) -> Accepted:
        """Return everything as an accepted command."""
        return Accepted(
            reply=reply,
            entries=tuple(self._entries),
            changes=self._written(),
            events=tuple(self._events),
            messages=self._messages(),
        )

    def refused(
        self,
        problem: Problem,
        *,
        fields: dict[str, Any] | None = None,
        errors: tuple[FieldError, ...] = (),
    ) -> Refused:
        """Return everything as a refused command; what it carries commits all the same."""
        return Refused(
            problem=problem,
            fields=fields or {},
            errors=errors,
            entries=tuple(self._entries),
            changes=self._written(),
            events=tuple(self._events),
            messages=self._messages(),
        )

    def _written(self) -> tuple[Change, ...]:
        """Return the payment's row first: other rows refer to it."""
        before, after = self._before, self.payment
        if before is after:
            return tuple(self._changes)
        saved = store.insert(after) if before is None else store.save(after, before=before.version)
        return (Change(bound=saved), *self._changes, *self._exempted())

    def _exempted(self) -> tuple[Change, ...]:
        """Return what gives its exemption back or counts it again; its row guards that once."""
        before, after = self._before, self.payment
        if before is None or before.exemption is None:
            return ()
        counted = Counted(**msgspec.structs.asdict(before.exemption))
        match before.exemption_state, after.exemption_state:
            case "counted", "returned":
                return give_back(counted, self._ctx.call)
            case "returned", "counted":
                return count_again(counted, self._ctx.call)
            case _:
                return ()

    def _messages(self) -> tuple[Message, ...]:
        before, after = self._before, self._payment
        if after is None or (before is not None and before.status == after.status):
            return ()
        # Ids and words alone: it is told outside, to the merchant who sent the reference.
        body = {
            "status": after.status,
            "version": after.version,
            "reference": after.facts.reference,
            "outcome": after.outcome,
            "reason_code": after.reason_code,
        }
        return (Message(kind=model.STATUS_MESSAGE, subject_id=after.payment_id, body=body),)


def payment_read(call: Call, payment_id: str) -> Bound:
    """Return the read of the caller's payment."""
    return store.by_id(
        payment_id, tenant_id=call.tenant_id, merchant_id=call.merchant_id, mode=call.mode
    )


def payment_key(payment_id: str) -> str:
    """Return the batch key of a payment."""
    return f"payment:{payment_id}"


def found(view: View, call: Call, payment_id: str) -> Payment | None:
    """Return the caller's payment from the declared read, or None."""
    row = view.maybe(payment_read(call, payment_id))
    return None if row is None else model.from_row(row)


def not_found(payment_id: str) -> Refused:
    """Return the refusal for a payment that is not there, or is another's."""
    entry = Entry(
        kind="payment.sequence_failed",
        subject=payment_id,
        outcome="failure",
        fields={"problem": PAYMENT_NOT_FOUND.code},
    )
    return Refused(problem=PAYMENT_NOT_FOUND, entries=(entry,))


def out_of_sequence(ctx: Context, payment: Payment, action: str) -> Refused:
    """Return the refusal of a command that the table of moves does not have; logged."""
    story = Story(ctx, payment)
    allowed = list(moves.allowed(payment.status))
    story.record(
        "payment.sequence_failed",
        {"action": action, "status": payment.status},
        outcome="failure",
    )
    return story.refused(
        PAYMENT_NOT_IN_STATE, fields={"status": payment.status, "allowed": allowed}
    )


def exemption_count(counted: Counted) -> ExemptionCount:
    """Return what an approval counted, as the payment keeps it."""
    return ExemptionCount(**msgspec.structs.asdict(counted))
