"""Released revisions keep their bytes; what tables gain is written as further ones."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from service.db import migrate, revisions
from service.db.metadata import METADATA
from service.db.revisions import RELEASED, Released, drop, make_last, write_next
from service.tables import load_tables
from tests.support.servers import ROOT

VERSIONS: Final = ROOT / "service" / "db" / "migrations" / "versions"
# A release adds its lines; none is ever changed.
RECORDED: Final = ROOT / "tests" / "golden" / "released_revisions.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the revisions, to be written to."""
    copied = tmp_path / "versions"
    shutil.copytree(VERSIONS, copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


@pytest.fixture
def new_table() -> Iterator[str]:
    load_tables()
    columns = (sa.Column("tenant_id", sa.String(64), primary_key=True), sa.Column("n", sa.Integer))
    table = sa.Table("planted", METADATA, *columns)
    yield table.name
    METADATA.remove(table)


def test_released_revisions_have_the_bytes_that_were_released() -> None:
    recorded: dict[str, str] = json.loads(RECORDED.read_text())

    found = {name: hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest() for name in recorded}

    assert found == recorded
    assert max(recorded)[: len(RELEASED)] == RELEASED


def test_revisions_stand_in_one_row() -> None:
    scripts = ScriptDirectory(str(VERSIONS.parent))

    row = [one.revision for one in reversed(list(scripts.walk_revisions()))]

    assert len(scripts.get_heads()) == 1
    assert row == [f"{number:04}" for number in range(1, len(row) + 1)]


def test_nothing_is_written_where_nothing_is_lacking(folder: Path) -> None:
    before = sorted(folder.iterdir())

    assert write_next(load_tables(), folder=folder) == []
    assert sorted(folder.iterdir()) == before


def test_a_new_table_becomes_the_next_revision_and_no_other_is_touched(
    folder: Path, new_table: str
) -> None:
    before = {one.name: one.read_bytes() for one in folder.iterdir()}

    [written] = write_next({"planted": [new_table]}, folder=folder)

    number = int(migrate.head()) + 1
    assert written.name == f"{number:04}_planted.py"
    assert f'down_revision = "{migrate.head()}"' in written.read_text()
    assert "op.create_table(" in written.read_text()
    assert 'op.drop_table("planted")' in written.read_text().replace("'", '"')
    written.unlink()
    assert {one.name: one.read_bytes() for one in folder.iterdir()} == before


def test_of_two_with_one_number_one_is_moved_to_the_end(folder: Path, new_table: str) -> None:
    [written] = write_next({"planted": [new_table]}, folder=folder)
    twin = written.with_name(f"{written.name[:4]}_twin.py")
    twin.write_text(written.read_text())

    moved = make_last(twin.stem, folder=folder)

    number = int(migrate.head()) + 2
    assert moved.name == f"{number:04}_twin.py"
    assert f'revision = "{number:04}"' in moved.read_text()
    assert f'down_revision = "{number - 1:04}"' in moved.read_text()
    assert not twin.exists()


def test_what_is_released_is_neither_deleted_nor_moved(folder: Path) -> None:
    with pytest.raises(Released):
        drop("0007_payers", folder=folder)
    with pytest.raises(Released):
        make_last("0008_payments.py", folder=folder)
    assert len(list(folder.glob("000[1-8]_*.py"))) == int(revisions.RELEASED)


def test_an_unreleased_one_can_be_deleted_to_be_written_anew(folder: Path, new_table: str) -> None:
    [written] = write_next({"planted": [new_table]}, folder=folder)

    drop(written.stem, folder=folder)

    assert not written.exists()
    with pytest.raises(FileNotFoundError):
        drop(written.stem, folder=folder)
