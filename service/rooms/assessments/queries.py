"""Front ends' reads of assessments."""

from typing import Final

import sqlalchemy as sa

from service.db.statements import Statement
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
