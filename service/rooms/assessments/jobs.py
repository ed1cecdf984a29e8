"""What actions want done later: the ends of their challenges and holds, as commands."""

import datetime as dt
from collections.abc import Callable, Sequence

from service.db.reader import Reader
from service.rooms.assessments.contract import ExpireAssessment
from service.rooms.assessments.queries import DUE
from service.worker.due import Due, by_timer


def due_assessments(reader: Reader) -> Callable[[dt.datetime, int], Sequence[Due]]:
    """Return the timer that finds actions whose challenge or hold is over."""

    def due(now: dt.datetime, limit: int) -> Sequence[Due]:
        return [
            Due(
                subject=row["assessment_id"],
                command=ExpireAssessment(
                    assessment_id=row["assessment_id"], version=row["version"]
                ),
                call=by_timer(row["tenant_id"], row["merchant_id"], row["mode"]),
            )
            for row in reader.fetch(DUE(now=now, limit=limit))
        ]

    return due
