"""Handlers of payments. Pure: what they return is what commits."""

from service.rooms.assessments.public import Judge
from service.rooms.payments.commands import endings, happen
from service.rooms.payments.commands.again import judge_again_handler
from service.rooms.payments.commands.create import create_payment_handler
from service.rooms.payments.commands.execute import (
    execute_payment_handler,
    issue_token_handler,
)
from service.rooms.payments.commands.subject import PaymentSubject
from service.unit_of_work.handlers import Handler

__all__ = ["PaymentSubject", "handlers"]


def handlers(judge: Judge, *, issuer: str) -> tuple[Handler, ...]:
    """Return this room's handlers.

    Args:
        judge: Judges payments under the active strategy.
        issuer: `iss` of payment tokens.
    """
    return (
        create_payment_handler(judge, issuer=issuer),
        execute_payment_handler(judge),
        issue_token_handler(issuer=issuer),
        judge_again_handler(judge),
        *happen.HANDLERS,
        endings.cancel_payment,
        endings.expire_payment,
    )
