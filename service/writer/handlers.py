"""Every room's handlers, for the writer. Reaches no route."""

from service.rooms.assessments.public import Judge
from service.rooms.challenges import commands as challenges
from service.rooms.custody import commands as custody
from service.rooms.labels import commands as labels
from service.rooms.lists import commands as lists
from service.rooms.merchants import commands as merchants
from service.rooms.payers import commands as payers
from service.rooms.payments import commands as payments
from service.rooms.webhooks import commands as webhooks
from service.unit_of_work import partitions, trimming
from service.unit_of_work.handlers import Handlers


def all_handlers(judge: Judge, *, issuer: str) -> Handlers:
    """Return the handlers of all rooms, and of the house's own upkeep.

    Args:
        judge: Judges payments.
        issuer: `iss` of payment tokens, and `source` of what webhooks tell.
    """
    return Handlers(
        (
            *trimming.HANDLERS,
            *partitions.HANDLERS,
            *custody.HANDLERS,
            *merchants.HANDLERS,
            *payers.HANDLERS,
            *lists.HANDLERS,
            *challenges.handlers({"payment": payments.PaymentSubject()}),
            *payments.handlers(judge, issuer=issuer),
            *labels.handlers(judge),
            *webhooks.handlers(issuer=issuer),
        )
    )
