"""What handlers of rooms above may know of a payment. Changes nothing of it."""

import datetime as dt
from typing import NamedTuple

from service.rooms.payers.public import LinkTo
from service.rooms.payments.commands.create import links_of
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
        payer_id: The merchant's id of the payer; None for a guest.
        links: What the payment connects its payer with.
    """

    occurred_at: dt.datetime
    created_at: dt.datetime
    touched: tuple[tuple[str, str], ...]
    payer_id: str | None
    links: tuple[LinkTo, ...]


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
    facts = payment.facts
    return Told(
        occurred_at=facts.occurred_at,
        created_at=payment.created_at,
        touched=labelled_entities(facts),
        payer_id=facts.payer.payer_id,
        links=tuple(links_of(facts)),
    )
