"""Reads of models, for answers and the command line: pages, one, and the bytes of its file."""

import datetime as dt
from typing import Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import Bound, Row, Statement
from service.http.ports import Reader
from service.rooms.models.contract import ModelQuery
from service.rooms.models.tables import MODELS, SCORERS
from service.unit_of_work.commands import HOUSE

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEVER: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_OWN: Final = MODELS.c.tenant_id == sa.bindparam("tenant_id")

PAGE: Final = Statement(
    sa.select(MODELS)
    .where(
        _OWN,
        sa.tuple_(MODELS.c.added_at, MODELS.c.sha256)
        < sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id")),
    )
    .order_by(MODELS.c.added_at.desc(), MODELS.c.sha256.desc())
    .limit(sa.bindparam("limit")),
    name="list models",
)
MODEL: Final = Statement(
    sa.select(MODELS).where(_OWN, MODELS.c.sha256 == sa.bindparam("sha256")),
    name="read model",
)
SCORER: Final = Statement(
    sa.select(SCORERS)
    .where(SCORERS.c.tenant_id == sa.bindparam("tenant_id"))
    .order_by(SCORERS.c.number.desc())
    .limit(1),
    name="read newest note of the scorer",
)


def page(query: ModelQuery, *, last: tuple[int, str] | None) -> Bound:
    """Return the read of a page and one row more.

    Args:
        query: How many.
        last: `key` of the last model of the page before; None for the first page.
    """
    last_at, last_id = (_NEVER, "") if last is None else (_EPOCH + last[0] * _MICROSECOND, last[1])
    return PAGE(tenant_id=HOUSE, last_at=last_at, last_id=last_id, limit=query.limit + 1)


def key(row: Row) -> tuple[int, str]:
    """Return what a cursor says about the last model of a page."""
    return (row["added_at"] - _EPOCH) // _MICROSECOND, row["sha256"]


def model(reader: Reader, sha256: str) -> Row | None:
    """Return the row of a model, if there is one."""
    return reader.maybe(MODEL(tenant_id=HOUSE, sha256=sha256))


def scorer(reader: Reader) -> Row | None:
    """Return the newest note of the scorer; None where no strategy ever had a model."""
    return reader.maybe(SCORER(tenant_id=HOUSE))


def is_scorer_down(reader: Reader) -> bool:
    """Say whether the strategy in force has a model that cannot score."""
    row = scorer(reader)
    return row is not None and row["state"] == "down"
