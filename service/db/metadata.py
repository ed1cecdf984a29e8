"""The one MetaData and the column types of the core. Holds no table: rooms bring their own."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine
from typing_extensions import override

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)


class Instant(sa.types.TypeDecorator[dt.datetime]):
    """An aware UTC datetime: timestamptz on PostgreSQL, integer microseconds on SQLite.

    SQLite has no type for an instant; integers compare and index right, text with offsets
    does not.
    """

    impl = sa.BigInteger
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    @override
    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        # What SQLAlchemy wraps around `process_bind_param` costs more than it does.
        return super().bind_processor(dialect) if dialect.name == "postgresql" else _microseconds

    @override
    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        microseconds = _microseconds(value)
        return value if dialect.name == "postgresql" else microseconds

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None:
            return None
        if dialect.name == "postgresql":
            stored: dt.datetime = value
            return stored.astimezone(dt.UTC)
        return _EPOCH + dt.timedelta(microseconds=value)


def _microseconds(value: dt.datetime | None) -> int | None:
    if value is None:
        return None
    if value.tzinfo is None:
        raise ValueError("an instant in the store must be aware")
    return (value - _EPOCH) // _MICROSECOND


def one_of(column: str, values: tuple[str, ...]) -> sa.CheckConstraint:
    """Return a CHECK that holds a text column to a closed set of words.

    Args:
        column: Name of the column; it also names the constraint.
        values: The allowed words, plain ASCII.
    """
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=column)
