"""Statements built once and compiled once per dialect. Never builds SQL on the hot path."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy.engine import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from typing_extensions import override

Row = dict[str, Any]
Processor = Callable[[Any], Any]

ANY_NUMBER: Final = None


class Statement:
    """A SQLAlchemy Core construct with the number of rows that it must touch.

    Calling it with values gives a `Bound`: a read, or one change of a command.

    Attributes:
        construct: The Core construct; values come by `sa.bindparam`.
        rows: How many rows a change must touch; `ANY_NUMBER` where any number is right, as
            for reads and inserts that may find their row already there.
    """

    __slots__ = ("construct", "name", "rows")

    def __init__(self, construct: Any, *, rows: int | None = ANY_NUMBER, name: str = "") -> None:
        self.construct = construct
        self.rows = rows
        self.name = name

    def __call__(self, **values: Any) -> "Bound":
        """Return this statement with its values."""
        return Bound(self, values)


class Bound:
    """A statement together with its values; equal and hashable by both."""

    __slots__ = ("_key", "statement", "values")

    def __init__(self, statement: Statement, values: Mapping[str, Any]) -> None:
        self.statement = statement
        self.values = values
        self._key: tuple[int, tuple[tuple[str, Any], ...]] | None = None

    def _identity(self) -> tuple[int, tuple[tuple[str, Any], ...]]:
        if self._key is None:
            self._key = (id(self.statement), tuple(sorted(self.values.items())))
        return self._key

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bound) and self._identity() == other._identity()

    @override
    def __hash__(self) -> int:
        return hash(self._identity())


class Compiled:
    """A statement's text and processors for one dialect.

    Attributes:
        text: SQL with named parameters.
        constants: Parameters that the construct itself holds.
    """

    __slots__ = ("_binds", "_columns", "constants", "names", "text")

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.construct.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        self.text = str(compiled)
        self._binds: list[tuple[str, Processor]] = []
        self.constants: dict[str, Any] = {}
        for name, bind in compiled.binds.items():
            processor = bind.type.dialect_impl(dialect).bind_processor(dialect)
            if processor is not None:
                self._binds.append((name, processor))
            if not bind.required:
                self.constants[name] = bind.effective_value
        columns = getattr(statement.construct, "exported_columns", ())
        self.names: tuple[str, ...] = tuple(column.key for column in columns)
        self._columns: list[tuple[int, Processor]] = []
        for place, column in enumerate(columns):
            result = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if result is not None:
                self._columns.append((place, result))

    def parameters(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as the driver takes them."""
        merged = {**self.constants, **values}
        for name, processor in self._binds:
            merged[name] = processor(merged[name])
        return merged

    def rows(self, raw: Sequence[Sequence[Any]]) -> list[Row]:
        """Return the driver's rows as dictionaries of Python values."""
        names = self.names
        if not self._columns:
            return [dict(zip(names, row, strict=True)) for row in raw]
        done = []
        for row in raw:
            values = list(row)
            for place, processor in self._columns:
                values[place] = processor(values[place])
            done.append(dict(zip(names, values, strict=True)))
        return done


class Compiler:
    """Compiles each statement once for one dialect and keeps the result."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._compiled: dict[Statement, Compiled] = {}

    def __call__(self, statement: Statement) -> Compiled:
        """Return the statement's compiled form."""
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = Compiled(statement, self._dialect)
        return compiled
