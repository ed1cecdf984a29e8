"""Every room's handlers, for the writer. Reaches no route."""

from service.rooms.assessments import commands as assessments
from service.rooms.assessments.public import Judge
from service.rooms.audit import commands as audit
from service.rooms.challenges import commands as challenges
from service.rooms.custody import commands as custody
from service.rooms.labels import commands as labels
from service.rooms.lists import commands as lists
from service.rooms.merchants import commands as merchants
from service.rooms.payers import commands as payers
from service.rooms.payments import commands as payments
from service.rooms.strategies import commands as strategies
from service.rooms.strategies.public import Desk
from service.rooms.webhooks import commands as webhooks
from service.unit_of_work import partitions, trimming
from service.unit_of_work.handlers import Handlers


def all_handlers(judge: Judge, *, issuer: str, desk: Desk | None = None) -> Handlers:
    """Return the handlers of all rooms, and of the house's own upkeep.

    Args:
        judge: Judges payments.
        issuer: `iss` of payment tokens, and `source` of what webhooks tell.
        desk: What strategies are read with; without one, none can be activated.
    """
    return Handlers(
        (
            *trimming.HANDLERS,
            *partitions.HANDLERS,
            *custody.HANDLERS,
            *(strategies.handlers(desk) if desk is not None else ()),
            *merchants.HANDLERS,
            *payers.HANDLERS,
            *lists.HANDLERS,
            *challenges.handlers(
                {
                    "payment": payments.PaymentSubject(),
                    "assessment": assessments.AssessmentSubject(),
                }
            ),
            *assessments.handlers(judge),
            *payments.handlers(judge, issuer=issuer),
            *labels.handlers(judge),
            *webhooks.handlers(issuer=issuer),
            *audit.HANDLERS,
        )
    )
