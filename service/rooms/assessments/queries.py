"""Front ends' reads of assessments. Judges nothing again."""

from collections.abc import Iterable
from typing import Final

import msgspec
import sqlalchemy as sa

from risk.assessment import Assessment
from service.db.statements import Row, Statement
from service.kernel.answers import Judged
from service.rooms.assessments.model import as_answered
from service.rooms.assessments.tables import ASSESSMENTS

# A payment is judged once when it is made, at most a few times while its challenges pass, and
# at its execution.
ASSESSMENTS_SHOWN: Final = 50

ASSESSMENTS_OF: Final = Statement(
    sa.select(ASSESSMENTS.c.assessment_id, ASSESSMENTS.c.made_at, ASSESSMENTS.c.judged)
    .where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        ASSESSMENTS.c.mode == sa.bindparam("mode"),
        ASSESSMENTS.c.subject_id == sa.bindparam("subject_id"),
    )
    .order_by(ASSESSMENTS.c.made_at, ASSESSMENTS.c.assessment_id)
    .limit(ASSESSMENTS_SHOWN),
    name="assessments of a subject",
)


def judgements(rows: Iterable[Row]) -> list[Judged]:
    """Return stored assessments as answers tell them, by ids and codes."""
    return [_judgement(row) for row in rows]


def _judgement(row: Row) -> Judged:
    said = msgspec.json.decode(row["judged"], type=Assessment)
    return as_answered(row["assessment_id"], said)
