"""What handlers of rooms above may know of a payment. Changes nothing of it."""

import datetime as dt
from typing import NamedTuple

from service.rooms.payments.commands.story import found, payment_read
from service.rooms.payments.model import labelled_entities
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import View

__all__ = ["Told", "payment_read", "told"]


class Told(NamedTuple):
    """A payment's own time and the service's.

    Attributes:
        occurred_at: Event time, as the merchant told it.
        created_at: The writer's clock when it was taken in.
        touched: See `model.labelled_entities`.
    """

    occurred_at: dt.datetime
    created_at: dt.datetime
    touched: tuple[tuple[str, str], ...]


def told(view: View, call: Call, payment_id: str) -> Told | None:
    """Return when a payment of the caller's was; None if there is none of this id.

    Args:
        view: Holds the rows of `payment_read`.
        call: Whose payment it is.
        payment_id: The payment.
    """
    payment = found(view, call, payment_id)
    if payment is None:
        return None
    touched = labelled_entities(payment.facts)
    return Told(payment.facts.occurred_at, payment.created_at, touched)
