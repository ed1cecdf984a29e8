"""A payment, its events, and the fold of the ones into the other. Pure: no clock, no SQL."""

from service.rooms.payments.model.events import (
    BODIES,
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
from service.rooms.payments.model.payment import (
    Payment,
    amounts,
    base,
    excesses,
    is_late_success,
    listed,
)

__all__ = [
    "BODIES",
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
    "is_late_success",
    "listed",
    "read_body",
    "reported",
    "step",
]
