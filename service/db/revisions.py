"""Writes new migrations from METADATA: only what the revisions so far lack.

A tool of whoever changes tables; nothing that serves loads it. What is released is never written
again, since there are stores that it made.
"""

import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from alembic.autogenerate import produce_migrations, render_python_code
from alembic.migration import MigrationContext
from alembic.operations.ops import (
    DowngradeOps,
    MigrateOperation,
    MigrationScript,
    OpContainer,
    UpgradeOps,
)

from service.db import migrate
from service.db.metadata import METADATA, Instant

RELEASED: Final = "0008"
"""The newest revision that some released version wrote a store with."""

_VERSIONS: Final = Path(__file__).parent / "migrations" / "versions"
_REVISION: Final = re.compile(r'^revision = "(\d{4})"$', re.MULTILINE)
_BEFORE: Final = re.compile(r"^down_revision = .*$", re.MULTILINE)


class Released(Exception):  # noqa: N818  a state of the world, not our mistake
    """What was to be written anew is out in the world; a change of it is a revision of its own."""


def write_next(parts: Mapping[str, Collection[str]], *, folder: Path = _VERSIONS) -> list[Path]:
    """Write what METADATA has and the revisions lack, one revision for each part of the house.

    Alembic sees tables, columns, types, indexes, unique and foreign keys; not a changed CHECK, a
    changed condition of an index, nor how a table is laid out. Those are written by hand; the
    tests that compare the words of both schemas say when it is needed.

    Args:
        parts: The tables of each part by the part's name, in the order of the revisions.
        folder: Where the revisions lie.

    Returns:
        The files that were written; none where nothing is lacking.
    """
    lacking = _lacking()
    assert lacking.upgrade_ops is not None
    assert lacking.downgrade_ops is not None
    written = []
    for part, tables in parts.items():
        up = _of(tables, lacking.upgrade_ops)
        if not up:
            continue
        before = _newest(folder)
        revision = f"{int(before) + 1:04}"
        text = _TEXT.format(
            part=part,
            revision=revision,
            before=before,
            up=_rendered(UpgradeOps(up)),
            down=_rendered(DowngradeOps(_of(tables, lacking.downgrade_ops))),
        )
        path = folder / f"{revision}_{part}.py"
        path.write_text(text)
        written.append(path)
    return written


def drop(name: str, *, folder: Path = _VERSIONS) -> None:
    """Delete an unreleased revision, so that what it held is written anew as the last one.

    Raises:
        Released: It is out in the world.
        FileNotFoundError: There is no such revision.
    """
    _unreleased(name, folder).unlink()


def make_last(name: str, *, folder: Path = _VERSIONS) -> Path:
    """Give an unreleased revision the next free number, as after a merge of two with one number.

    Raises:
        Released: It is out in the world.
        FileNotFoundError: There is no such revision.
    """
    path = _unreleased(name, folder)
    text = path.read_text()
    path.unlink()
    before = _newest(folder)
    revision = f"{int(before) + 1:04}"
    text = _REVISION.sub(f'revision = "{revision}"', text)
    moved = folder / f"{revision}_{path.stem.split('_', 1)[1]}.py"
    moved.write_text(_BEFORE.sub(f'down_revision = "{before}"', text))
    return moved


def _unreleased(name: str, folder: Path) -> Path:
    path = folder / f"{name.removesuffix('.py')}.py"
    if not path.exists():
        raise FileNotFoundError(f"there is no revision {name}")
    if path.name[: len(RELEASED)] <= RELEASED:
        raise Released(f"{name} is released: write a new revision that changes what it made")
    return path


def _newest(folder: Path) -> str:
    found = [_REVISION.search(one.read_text()) for one in folder.glob("*.py")]
    return max((one[1] for one in found if one is not None), default="0000")


def _lacking() -> MigrationScript:
    """Return what brings a store at the newest revision to METADATA, and back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payguard.db"
        migrate.upgrade(path)
        with _engine(path) as engine, engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return produce_migrations(context, METADATA)


@contextmanager
def _engine(path: Path) -> Iterator[sa.Engine]:
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        yield engine
    finally:
        engine.dispose()


def _of(tables: Collection[str], ops: OpContainer) -> list[MigrateOperation]:
    return [one for one in ops.ops if getattr(one, "table_name", None) in tables]


_TEXT: Final = '''"""What the tables of {part} gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
'''


def _rendered(ops: UpgradeOps | DowngradeOps) -> str:
    # SQLite changes a table by copying it; a batch does that.
    lines = render_python_code(ops, render_as_batch=True, render_item=_type).splitlines()
    return "\n".join(_kept(lines))


def _kept(lines: Iterable[str]) -> Iterator[str]:
    return (line for line in lines if not line.lstrip().startswith("# ###"))


def _type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Say how a column type of ours is written down; everything else is Alembic's to say.

    A migration must outlive the code that it was written beside, so it names what lies under a
    room's own type.
    """
    if kind != "type" or not isinstance(item, sa.types.TypeDecorator):
        return False
    return "Instant()" if isinstance(item, Instant) else f"sa.{item.impl!r}"
