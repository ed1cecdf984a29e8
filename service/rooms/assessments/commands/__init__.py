"""Handlers of what is judged by itself: logins, sign-ups, changes, new payees, payouts. Pure."""

from service.rooms.assessments.commands import endings
from service.rooms.assessments.commands.assess import assess_action_handler
from service.rooms.assessments.commands.endings import AssessmentSubject
from service.rooms.assessments.public import Judge
from service.unit_of_work.handlers import Handler

__all__ = ["AssessmentSubject", "handlers"]


def handlers(judge: Judge) -> tuple[Handler, ...]:
    """Return this room's handlers.

    Args:
        judge: Judges under the active strategy.
    """
    return (assess_action_handler(judge), *endings.HANDLERS)
