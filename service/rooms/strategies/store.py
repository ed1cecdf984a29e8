"""Writes of strategies, and the reads that commands declare. Decides nothing."""

from typing import Final

import sqlalchemy as sa

from service.db.statements import Statement
from service.rooms.strategies.tables import STRATEGIES

# The newest is the one that decides.
NEWEST: Final = Statement(
    sa.select(STRATEGIES)
    .where(STRATEGIES.c.tenant_id == sa.bindparam("tenant_id"))
    .order_by(STRATEGIES.c.number.desc())
    .limit(1),
    name="strategy in force",
)
NUMBERED: Final = Statement(
    sa.select(STRATEGIES).where(
        STRATEGIES.c.tenant_id == sa.bindparam("tenant_id"),
        STRATEGIES.c.number == sa.bindparam("number"),
    ),
    name="strategy of a number",
)
INSERT_STRATEGY: Final = Statement(sa.insert(STRATEGIES), rows=1, name="insert strategy")
