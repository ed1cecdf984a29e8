"""What payments want done later: their timers, as commands for the worker to submit."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from service.db.reader import Reader
from service.rooms.assessments.public import FROM_OLDEST, again_due
from service.rooms.models.public import NEWEST_SCORER
from service.rooms.payments.contract import ExpirePayment, JudgeAgain
from service.rooms.payments.queries import DUE
from service.worker.due import Due, by_timer

# What could not be judged again is left alone this long: each try is an entry. Well below the
# five minutes within which it is judged once its scorer is back.
LAP: Final = dt.timedelta(seconds=30)


def due_payments(reader: Reader) -> Callable[[dt.datetime, int], Sequence[Due]]:
    """Return the timer that finds payments whose time has come."""

    def due(now: dt.datetime, limit: int) -> Sequence[Due]:
        return [
            Due(
                subject=row["payment_id"],
                command=ExpirePayment(payment_id=row["payment_id"], version=row["version"]),
                call=by_timer(row["tenant_id"], row["merchant_id"], row["mode"]),
            )
            for row in reader.fetch(DUE(now=now, limit=limit))
        ]

    return due


def due_again(reader: Reader) -> Callable[[dt.datetime, int], Sequence[Due]]:
    """Return the timer that finds payments to judge again, unless the scorer is down.

    It goes through all of them before it comes back to one that is still there, so that those
    which cannot be judged keep nobody waiting.
    """
    after = FROM_OLDEST
    begun: dt.datetime | None = None

    def due(now: dt.datetime, limit: int) -> Sequence[Due]:
        nonlocal after, begun
        if after == FROM_OLDEST and begun is not None and begun <= now < begun + LAP:
            return []
        rows = reader.fetch(again_due(limit, after))
        if not rows:
            after = FROM_OLDEST
            return []
        newest = reader.maybe(NEWEST_SCORER)
        # Where nothing was ever noted, no strategy had a model; and one without a model judges
        # by its cold start, for which nothing has to be there.
        if newest is not None and newest["state"] == "down":
            return []
        begun = now if after == FROM_OLDEST else begun
        last = rows[-1]
        after = FROM_OLDEST if len(rows) < limit else (last["judged_at"], last["assessment_id"])
        return [
            Due(
                subject=row["subject_id"],
                command=JudgeAgain(
                    payment_id=row["subject_id"], assessment_id=row["assessment_id"]
                ),
                call=by_timer(row["tenant_id"], row["merchant_id"], row["mode"]),
            )
            for row in rows
        ]

    return due
