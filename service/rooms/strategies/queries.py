"""Reads of strategies, for answers and the command line."""

from typing import Final

import msgspec
import sqlalchemy as sa

from risk.feature import Text
from service.db.statements import Row, Statement
from service.http.ports import Reader
from service.rooms.strategies.tables import STRATEGIES
from service.unit_of_work.commands import HOUSE

PAGE: Final = 100

# Contents are large and are asked for one by one.
_LISTED: Final = [one for one in STRATEGIES.c if one.name != "content"]
_OWN: Final = STRATEGIES.c.tenant_id == sa.bindparam("tenant_id")
BEFORE: Final = Statement(
    sa.select(*_LISTED)
    .where(_OWN, STRATEGIES.c.number < sa.bindparam("before"))
    .order_by(STRATEGIES.c.number.desc())
    .limit(PAGE),
    name="strategies before a number",
)
IN_FORCE: Final = Statement(
    sa.select(STRATEGIES).where(_OWN).order_by(STRATEGIES.c.number.desc()).limit(1),
    name="read strategy in force",
)
NUMBERED: Final = Statement(
    sa.select(STRATEGIES).where(_OWN, STRATEGIES.c.number == sa.bindparam("number")),
    name="read strategy of a number",
)
OF_ID: Final = Statement(
    sa.select(STRATEGIES)
    .where(_OWN, STRATEGIES.c.strategy_id == sa.bindparam("strategy_id"))
    .order_by(STRATEGIES.c.number.desc())
    .limit(1),
    name="read strategy of an id",
)


class _Rule(msgspec.Struct):
    code: str
    meaning: Text


class _Ruled(msgspec.Struct):
    rules: tuple[_Rule, ...] = ()


_RULED: Final = msgspec.json.Decoder(_Ruled)


def in_force(reader: Reader) -> Row | None:
    """Return the row of the strategy that decides; None before the writer's first start."""
    return reader.maybe(IN_FORCE(tenant_id=HOUSE))


def numbered(reader: Reader, number: int) -> Row | None:
    """Return the row of a number, if there is one."""
    return reader.maybe(NUMBERED(tenant_id=HOUSE, number=number))


def of_id(reader: Reader, strategy_id: str) -> Row | None:
    """Return the newest row of a strategy, if it ever decided."""
    return reader.maybe(OF_ID(tenant_id=HOUSE, strategy_id=strategy_id))


def meanings(reader: Reader, strategy_id: str) -> dict[str, Text]:
    """Return rule -> what it looks for, of a strategy that ever decided; nothing of any other.

    Its words alone are read: those of a strategy that this software cannot judge by stand as well.
    """
    row = of_id(reader, strategy_id)
    if row is None:
        return {}
    return {one.code: one.meaning for one in _RULED.decode(row["content"]).rules}


def before(reader: Reader, number: int) -> list[Row]:
    """Return up to PAGE rows below a number, the newest first, without their contents."""
    return reader.fetch(BEFORE(tenant_id=HOUSE, before=number))
