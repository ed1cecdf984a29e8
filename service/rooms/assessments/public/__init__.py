"""What payments ask of this room: a judgement, and giving back what one had counted."""

import datetime as dt
from typing import Final

from service.db.statements import Bound
from service.rooms.assessments import store
from service.rooms.assessments.model import FORCED, Counted, Touched, as_answered, means, people
from service.rooms.assessments.model.receipt import Inputs, open_features
from service.rooms.assessments.public.judge import Judge, Judged, Known
from service.rooms.assessments.public.record import canonical_inputs
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import View
from service.unit_of_work.outcome import Change

__all__ = [
    "FORCED",
    "FROM_OLDEST",
    "Counted",
    "Inputs",
    "Judge",
    "Judged",
    "Known",
    "Touched",
    "again_due",
    "again_read",
    "as_answered",
    "canonical_inputs",
    "count_again",
    "end_again",
    "give_back",
    "last_change",
    "last_change_read",
    "means",
    "open_features",
    "owed_read",
    "people",
    "spend_again",
]


FROM_OLDEST: Final = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC), "")


def give_back(counted: Counted, call: Call) -> tuple[Change, ...]:
    """Return the changes that give an exemption back; the caller guards that it happens once."""
    return tuple(Change(bound=bound) for bound in store.give_back(counted, call))


def count_again(counted: Counted, call: Call) -> tuple[Change, ...]:
    """Return the changes that count what was given back, whatever the limits; once, as above."""
    return tuple(Change(bound=bound) for bound in store.count_again(counted, call))


def last_change_read(call: Call, payer_key: str) -> Bound:
    """Return the read to declare for `last_change`."""
    return store.LAST_CHANGE(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        payer_key=payer_key,
    )


def last_change(view: View, call: Call, payer_key: str) -> dt.datetime | None:
    """Return when a payer's newest change of a credential took effect; None if none is known."""
    row = view.maybe(last_change_read(call, payer_key))
    return None if row is None else row["credentials_changed_at"]


def again_read(call: Call, assessment_id: str) -> Bound:
    """Return the read that says whether a judgement is still to be made again."""
    return store.OPEN_AGAIN(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        assessment_id=assessment_id,
    )


def spend_again(call: Call, assessment_id: str, *, now: dt.datetime) -> Change:
    """Return what makes a judgement one that was made again: once, by its own guard."""
    return Change(
        bound=store.SPEND_AGAIN(
            tenant_id=call.tenant_id,
            merchant_id=call.merchant_id,
            mode=call.mode,
            assessment_id=assessment_id,
            now=now,
        )
    )


def owed_read(call: Call, subject_id: str) -> Bound:
    """Return the read to declare for `end_again`."""
    return store.OPEN_AGAIN_OF(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        subject_id=subject_id,
    )


def end_again(view: View, call: Call, subject_id: str, *, now: dt.datetime) -> tuple[Change, ...]:
    """Return what keeps every judgement of a subject from being made again."""
    rows = view.rows(owed_read(call, subject_id))
    return tuple(spend_again(call, row["assessment_id"], now=now) for row in rows)


def again_due(limit: int, after: tuple[dt.datetime, str]) -> Bound:
    """Return the worker's read of judgements that are to be made again, the oldest first.

    Args:
        limit: How many at most.
        after: Time and id of the last one that was read; `FROM_OLDEST` to begin.
    """
    return store.AGAIN_DUE(limit=limit, after_at=after[0], after_id=after[1])
