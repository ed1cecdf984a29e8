"""What payments want done later: their timers, as commands for the worker to submit."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from service.db.reader import Reader
from service.rooms.assessments.public import again_due
from service.rooms.models.public import NEWEST_SCORER
from service.rooms.payments.contract import ExpirePayment, JudgeAgain
from service.rooms.payments.queries import DUE
from service.unit_of_work.commands import Call
from service.worker.due import Due

TIMER: Final = "timer"


def due_payments(reader: Reader) -> Callable[[dt.datetime, int], Sequence[Due]]:
    """Return the timer that finds payments whose time has come."""

    def due(now: dt.datetime, limit: int) -> Sequence[Due]:
        return [
            Due(
                subject=row["payment_id"],
                command=ExpirePayment(payment_id=row["payment_id"], version=row["version"]),
                call=Call(
                    principal=TIMER,
                    tenant_id=row["tenant_id"],
                    merchant_id=row["merchant_id"],
                    mode=row["mode"],
                    origin="worker",
                    request_id=TIMER,
                ),
            )
            for row in reader.fetch(DUE(now=now, limit=limit))
        ]

    return due


def due_again(reader: Reader) -> Callable[[dt.datetime, int], Sequence[Due]]:
    """Return the timer that finds payments to judge again, while the scorer is there."""

    def due(_now: dt.datetime, limit: int) -> Sequence[Due]:
        rows = reader.fetch(again_due(limit))
        if not rows:
            return []
        newest = reader.maybe(NEWEST_SCORER)
        if newest is None or newest["state"] != "ready":
            return []
        return [
            Due(
                subject=row["subject_id"],
                command=JudgeAgain(
                    payment_id=row["subject_id"], assessment_id=row["assessment_id"]
                ),
                call=Call(
                    principal=TIMER,
                    tenant_id=row["tenant_id"],
                    merchant_id=row["merchant_id"],
                    mode=row["mode"],
                    origin="worker",
                    request_id=TIMER,
                ),
            )
            for row in rows
        ]

    return due
