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

    __slots__ = ("_hash", "statement", "values")

    def __init__(self, statement: Statement, values: Mapping[str, Any]) -> None:
        self.statement = statement
        self.values = values
        self._hash: int | None = None

    @override
    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Bound)
            and self.statement is other.statement
            and self.values == other.values
        )

    @override
    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash((id(self.statement), frozenset(self.values.values())))
        return self._hash


class Compiled:
    """A statement's text and processors for one dialect.

    A list of constants (`column IN ('a', 'b')`) is written out; a list that only a call knows
    has no fixed text and is refused.

    Attributes:
        text: SQL with named parameters.
        constants: Parameters that the construct itself holds, as the driver takes them.

    Raises:
        ValueError: The construct holds a list of values to come, or two columns of one name,
            of which a row would lose one.
    """

    __slots__ = ("_binds", "_columns", "constants", "names", "text")

    def __init__(self, statement: Statement, dialect: Dialect) -> None:
        compiled = statement.construct.compile(dialect=dialect)
        assert isinstance(compiled, SQLCompiler)
        to_come = {name: None for bind, name in compiled.bind_names.items() if bind.required}
        if any(bind.required and bind.expanding for bind in compiled.bind_names):
            raise ValueError(f"{statement.name}: a list of values to come has no fixed text")
        expanded = compiled.construct_expanded_state(to_come)
        self.text = expanded.statement
        # By name: one that stands twice in a statement is one parameter, processed once.
        self._binds: dict[str, Processor] = {}
        self.constants: dict[str, Any] = {}
        for bind, name in compiled.bind_names.items():
            processor = bind.type.dialect_impl(dialect).bind_processor(dialect) or _as_it_is
            if not bind.required:
                for one in expanded.parameter_expansion.get(name, [name]):
                    self.constants[one] = processor(expanded.parameters[one])
            elif processor is not _as_it_is:
                self._binds[name] = processor
        columns = getattr(statement.construct, "exported_columns", ())
        self.names: tuple[str, ...] = tuple(column.key for column in columns)
        if len(set(self.names)) < len(self.names):
            raise ValueError(f"{statement.name}: two columns have one name; label one of them")
        self._columns: list[tuple[int, Processor]] = []
        for place, column in enumerate(columns):
            result = column.type.dialect_impl(dialect).result_processor(dialect, None)
            if result is not None:
                self._columns.append((place, result))

    def parameters(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values as the driver takes them."""
        if not self._binds and not self.constants:
            return values
        merged = {**self.constants, **values}
        for name, processor in self._binds.items():
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


def _as_it_is(value: Any) -> Any:
    return value


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
