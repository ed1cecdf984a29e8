"""The stores that sides stand on: SQLite on disk and in memory, PostgreSQL the same."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from bench.mix import BURST
from bench.sides import MEMORY, Side, payguard
from tests.support.postgres import Cluster, programs

SQLITE, POSTGRES = "SQLite", "PostgreSQL"
BUFFERS_MIB = 256


def available() -> tuple[str, ...]:
    """Return the stores that can be run here."""
    try:
        programs()
    except pytest.skip.Exception:
        return (SQLITE,)
    return (SQLITE, POSTGRES)


@contextlib.contextmanager
def side(name: str, *, store: str, in_memory: bool = False, **given: Any) -> Iterator[Side]:
    """Run Payguard or its rival on a store of its own; see `bench.sides.payguard`.

    Args:
        name: As the tables call it.
        store: SQLITE or POSTGRES.
        in_memory: Whether its files lie in a file system in memory, where fsync costs nothing.
        given: The rest of payguard's arguments.
    """
    folder = MEMORY if in_memory else None
    with contextlib.ExitStack() as stack:
        if store == POSTGRES:
            cluster = stack.enter_context(_cluster(folder))
            given |= {"database": (cluster.database(), cluster.pid)}
        yield stack.enter_context(payguard(name, folder=folder, **given))


def burst(side: Side) -> dict[str, Any]:
    """Have some payers send far too many, so that they are declined from here on."""
    taken = side.load(seconds=BURST / 40, rate=40, kind="burst")
    take_statistics(side)
    return taken


def take_statistics(side: Side) -> None:
    """Take statistics, as PostgreSQL does by itself in its first minute.

    Without any it picks among indexes by chance, and a read by key goes through all rows of the
    tenant.
    """
    if side.owner:
        with psycopg.connect(side.owner, autocommit=True) as connection:
            connection.execute("ANALYZE")


@contextlib.contextmanager
def _cluster(folder: Path | None) -> Iterator[Any]:
    before = tempfile.tempdir
    try:
        tempfile.tempdir = None if folder is None else str(folder)
        made = Cluster(shared_buffers=f"{BUFFERS_MIB}MB")
    finally:
        tempfile.tempdir = before
    with made as running:
        yield running


def postgres_version(chosen: tuple[str, ...]) -> str:
    """Return the version of PostgreSQL's server where it is among the chosen stores."""
    if POSTGRES not in chosen:
        return ""
    said = subprocess.run(
        [programs() / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return said.split()[2]
