"""A payment, its events, and the fold of the ones into the other. Pure: no clock, no SQL."""

from service.rooms.payments.model.events import (
    BODIES,
    STATUS_MESSAGE,
    Body,
    Created,
    Executed,
    ExemptionCount,
    Judged,
    Judgement,
    Moved,
    Reported,
    TokenIssued,
    event_type,
    read_body,
    reported,
)
from service.rooms.payments.model.fold import IllegalMove, Step, apply, fold, step
from service.rooms.payments.model.orders import order_digest
from service.rooms.payments.model.payment import (
    Payment,
    amounts,
    base,
    excesses,
    is_late_success,
    labelled_entities,
    listed,
)
from service.rooms.payments.model.rows import from_row, to_row, token_state

__all__ = [
    "BODIES",
    "STATUS_MESSAGE",
    "Body",
    "Created",
    "Executed",
    "ExemptionCount",
    "IllegalMove",
    "Judged",
    "Judgement",
    "Moved",
    "Payment",
    "Reported",
    "Step",
    "TokenIssued",
    "amounts",
    "apply",
    "base",
    "event_type",
    "excesses",
    "fold",
    "from_row",
    "is_late_success",
    "labelled_entities",
    "listed",
    "order_digest",
    "read_body",
    "reported",
    "step",
    "to_row",
    "token_state",
]
