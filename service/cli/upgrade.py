"""`payguard upgrade`: brings a store that an older version wrote to this one, after a backup."""

from pathlib import Path

import click
import msgspec

from service.cli.backup import make, noting, telling
from service.cli.database import Standing, bring_to, require_root_key, standing
from service.cli.environment import current_settings, make_data_folder
from service.cli.restore import service_stopped
from service.cli.screen import Failure, Screen, reporting, table
from service.db.backup import (
    FOLDER_MODE,
    BackupRefused,
    Keeper,
    StoreFacts,
    check_files,
    read_manifest,
    require_whole,
)
from service.db.keepers import open_keeper
from service.kernel.clock import SystemClock
from service.settings import Settings


class Upgraded(msgspec.Struct, frozen=True, kw_only=True):
    """What a program is told of an upgrade.

    Attributes:
        before: Revision that the store was at.
        now: Revision that it is at.
        ran: Revisions that were run, in order; none where it was up to date.
        new_tables: Tables that it gained.
        rows: Rows in it, the same before and after.
        sequence: That it stands at, the same before and after.
        backup: Folder of the backup that was made before, if one was.
    """

    before: str
    now: str
    ran: tuple[str, ...]
    new_tables: tuple[str, ...]
    rows: int
    sequence: int
    backup: str | None


@click.command()
@click.option("--no-backup", "is_bare", is_flag=True, help="Make no backup before.")
@reporting
def upgrade(screen: Screen, *, is_bare: bool) -> None:
    """Bring the store to this version: backup, migrations, and a look at the result.

    The service must be stopped. Whatever interrupts it, do it again: the store is at the old
    revision or at the new one, never between. A store that is up to date is left as it is.
    """
    settings = current_settings()
    database = settings.database
    keeper = open_keeper(database)
    if not keeper.exists():
        raise Failure(
            "database_missing",
            f"there is no database at {database}",
            then="run `payguard migrate` to make one, or set PAYGUARD_DATA_DIR to where it is",
        )
    with telling(), service_stopped(settings, then="upgrade"):
        found = standing(database)
        before = _required(found, settings, keeper)
        require_root_key(settings)
        kept = None
        if found.pending and not is_bare:
            kept = _backup(screen, settings, found, before)
        if found.pending:
            screen.note(f"runs {', '.join(found.pending)}")
            bring_to(database, found.newest, found)
        after = _verified(settings, keeper, before, kept)
    done = Upgraded(
        before=before.revision,
        now=after.revision,
        ran=found.pending,
        new_tables=tuple(sorted(after.tables.keys() - before.tables.keys())),
        rows=sum(before.tables.values()),
        sequence=after.sequence,
        backup=None if kept is None else str(kept),
    )
    screen.show(done, _told(done))


def _required(found: Standing, settings: Settings, keeper: Keeper) -> StoreFacts:
    """Return what the store holds; refuse one that has no tables or is newer than this software."""
    if found.is_newer:
        raise Failure(
            "database_newer",
            f"the database is at {found.current}, which this software does not know",
            then="run the version that made it, or a newer one",
        )
    facts = keeper.facts()
    if facts is None:
        raise Failure(
            "database_empty",
            f"the database {settings.database} has no tables yet",
            then="run `payguard migrate` to make them",
        )
    return facts


def _backup(screen: Screen, settings: Settings, found: Standing, before: StoreFacts) -> Path:
    """Return the folder of a backup of the store as it is: the one that is there, or a new one."""
    make_data_folder(settings.data_dir)
    folder = settings.data_dir / "backups"
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    # One name for one step, so that an upgrade which was interrupted finds what it had begun.
    target = folder / f"{found.current}-to-{found.newest}"
    if target.exists():
        if _is_of(target, before):
            screen.note(f"keeps the backup that an earlier try made: {target}")
            return target
        target = target.with_name(f"{target.name}-{SystemClock().now():%Y%m%dT%H%M%S%fZ}")
    screen.note(f"backs up to {target}")
    make(settings, target, noting(screen))
    return target


def _is_of(folder: Path, store: StoreFacts) -> bool:
    try:
        manifest = read_manifest(folder)
        check_files(folder, manifest, lambda *_: None)
    except BackupRefused:
        return False
    return manifest.store == store


def _verified(
    settings: Settings, keeper: Keeper, before: StoreFacts, kept: Path | None
) -> StoreFacts:
    """Return what the upgraded store holds, once it was seen to be whole and to lack nothing.

    Raises:
        Failure: A table or a row is gone; the text says how to go back.
    """
    # Every table of every room; Alembic comes along.
    from service.db import migrate
    from service.tables import load_tables

    load_tables()
    database = settings.database
    require_whole(keeper.complaints(), f"the database {database}")
    after = keeper.facts()
    assert after is not None
    same_place = (after.sequence, after.epoch, after.logs) == (
        before.sequence,
        before.epoch,
        before.logs,
    )
    fewer = [name for name, rows in before.tables.items() if after.tables.get(name, -1) < rows]
    if not same_place or fewer or migrate.differences(database):
        then = f"`payguard restore {kept} --replace`" if kept else "restore the newest backup"
        raise Failure(
            "upgrade_wrong",
            f"the upgraded store is not as it should be{': ' if fewer else ''}{', '.join(fewer)}",
            then=f"do not start the service; {then}, run the version before, and report this",
        )
    return after


def _told(done: Upgraded) -> str:
    if not done.ran:
        return f"up to date at {done.now}; nothing was changed"
    rows = [
        ("revisions", ", ".join(done.ran)),
        ("new tables", ", ".join(done.new_tables) or "none"),
        ("kept", f"{done.rows:,} rows, sequence {done.sequence}"),
        ("backup", done.backup or "none was made"),
    ]
    text = table([(f"  {name}", value) for name, value in rows])
    return f"upgraded from {done.before} to {done.now}\n{text}\nnext: `payguard serve`"
