"""Writes of models, and the reads that their commands make. Decides nothing."""

from typing import Final

import sqlalchemy as sa

from service.db.statements import Statement
from service.rooms.models.tables import MODEL_PARTS, MODELS, SCORERS

MODEL: Final = Statement(
    sa.select(MODELS).where(
        MODELS.c.tenant_id == sa.bindparam("tenant_id"),
        MODELS.c.sha256 == sa.bindparam("sha256"),
    ),
    name="model",
)
PART_IS_KEPT: Final = Statement(
    sa.select(MODEL_PARTS.c.sha256).where(
        MODEL_PARTS.c.tenant_id == sa.bindparam("tenant_id"),
        MODEL_PARTS.c.sha256 == sa.bindparam("sha256"),
    ),
    name="model's part is kept",
)
INSERT_MODEL: Final = Statement(sa.insert(MODELS), rows=1, name="insert model")
INSERT_PART: Final = Statement(sa.insert(MODEL_PARTS), rows=1, name="insert model's part")
HEAL_MODEL: Final = Statement(
    sa.update(MODELS)
    .where(
        MODELS.c.tenant_id == sa.bindparam("of_tenant_id"),
        MODELS.c.sha256 == sa.bindparam("of_sha256"),
    )
    .values(
        {name: sa.bindparam(f"to_{name}") for name in ("size_bytes", "parts", "manifest", "note")}
    ),
    rows=1,
    name="heal model",
)
HEAL_PART: Final = Statement(
    sa.update(MODEL_PARTS)
    .where(
        MODEL_PARTS.c.tenant_id == sa.bindparam("of_tenant_id"),
        MODEL_PARTS.c.sha256 == sa.bindparam("of_sha256"),
    )
    .values(content=sa.bindparam("whole")),
    rows=1,
    name="heal model's part",
)
PART: Final = Statement(
    sa.select(MODEL_PARTS.c.content).where(
        MODEL_PARTS.c.tenant_id == sa.bindparam("tenant_id"),
        MODEL_PARTS.c.sha256 == sa.bindparam("sha256"),
    ),
    name="model's part",
)
NEWEST_SCORER: Final = Statement(
    sa.select(SCORERS)
    .where(SCORERS.c.tenant_id == sa.bindparam("tenant_id"))
    .order_by(SCORERS.c.number.desc())
    .limit(1),
    name="newest note of the scorer",
)
INSERT_SCORER: Final = Statement(sa.insert(SCORERS), rows=1, name="insert note of the scorer")
