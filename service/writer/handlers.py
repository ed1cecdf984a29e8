"""Every room's handlers, for the writer. Reaches no route."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from keys.notes import Verifier
from risk.scored import ModelRef
from service.rooms.assessments import commands as assessments
from service.rooms.assessments.public import Judge
from service.rooms.audit import commands as audit
from service.rooms.challenges import commands as challenges
from service.rooms.custody import commands as custody
from service.rooms.labels import commands as labels
from service.rooms.lists import commands as lists
from service.rooms.merchants import commands as merchants
from service.rooms.models import commands as models
from service.rooms.payers import commands as payers
from service.rooms.payments import commands as payments
from service.rooms.strategies import commands as strategies
from service.rooms.strategies.public import Desk
from service.rooms.webhooks import commands as webhooks
from service.unit_of_work import partitions, trimming
from service.unit_of_work.handlers import Handler, Handlers


class House(NamedTuple):
    """What only the house's own commands need: they bring strategies and models.

    Attributes:
        desk: What strategies are read with.
        makers: Whose signature over models counts.
        why_not: Says why a model that a strategy names cannot score here; None when it can.
    """

    desk: Desk
    makers: Verifier
    why_not: Callable[[ModelRef], str | None]


def all_handlers(judge: Judge, *, issuer: str, house: House | None = None) -> Handlers:
    """Return the handlers of all rooms, and of the house's own upkeep.

    Args:
        judge: Judges payments.
        issuer: `iss` of payment tokens, and `source` of what webhooks tell.
        house: Without it no strategy can be activated and no model added.
    """
    return Handlers(
        (
            *trimming.HANDLERS,
            *partitions.HANDLERS,
            *custody.HANDLERS,
            *_of_the_house(house),
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


def _of_the_house(house: House | None) -> Iterator[Handler]:
    if house is not None:
        yield from models.handlers(house.makers)
        yield from strategies.handlers(house.desk, house.why_not)
