"""Guarded statements raced alone, outside the unit of work, and their mutants without a guard."""

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.sql import visitors

from service.db import postgres, sqlite
from service.db.places import Place
from service.db.statements import Bound, Compiler, Statement

RACERS = 8


def without(statement: Statement, column: str) -> Statement:
    """Return the statement without those of its conditions that look at a column."""
    construct = statement.construct
    kept = [one for one in construct.whereclause.clauses if column not in columns_of(one)]
    assert len(kept) < len(construct.whereclause.clauses), f"{statement.name} has no {column}"
    mutant = construct._generate()
    mutant._where_criteria = tuple(kept)
    return Statement(mutant, rows=statement.rows, name=f"{statement.name} without {column}")


def guards_of(statement: Statement) -> list[str]:
    """Return the columns that a statement's conditions look at, in their order."""
    clauses = statement.construct.whereclause.clauses
    return [name for one in clauses for name in dict.fromkeys(columns_of(one))]


def columns_of(clause: Any) -> list[str]:
    return [one.name for one in visitors.iterate(clause) if isinstance(one, sa.Column)]


def race(place: Place, bounds: Sequence[Bound]) -> int:
    """Run changes at the same time, each on a connection of its own; return how many wrote."""
    start = threading.Barrier(len(bounds))
    won: list[int] = []

    def run(bound: Bound) -> None:
        with contextlib.closing(connected(place)) as connection:
            start.wait()
            won.append(touched(connection, bound))

    racers = [threading.Thread(target=run, args=(bound,)) for bound in bounds]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(won) == len(bounds), "a racer failed"
    return sum(won)


def connected(place: Place) -> Any:
    """Return a connection on which every statement stands alone."""
    if isinstance(place, Path):
        return sqlite.connect(place, readonly=False)
    return psycopg.connect(place.writer, autocommit=True)


def touched(connection: Any, bound: Bound) -> int:
    """Run one change by itself and return how many rows it wrote; a broken constraint: none."""
    is_sqlite = isinstance(connection, sqlite3.Connection)
    dialect = sqlite.dialect() if is_sqlite else postgres.dialect()
    compiled = Compiler(dialect)(bound.statement)
    try:
        cursor = connection.execute(compiled.text, compiled.parameters(bound.values))
    except (sqlite3.IntegrityError, psycopg.IntegrityError):
        return 0
    count: int = cursor.rowcount
    return count


def run_alone(place: Place, bound: Bound) -> int:
    """Run one change on a connection of its own and return how many rows it wrote."""
    with contextlib.closing(connected(place)) as connection:
        return touched(connection, bound)
