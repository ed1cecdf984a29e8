"""`payguard backup`: a copy of the store as it is at one instant, made while the service runs."""

import contextlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from service.cli.environment import current_settings
from service.cli.screen import Failure, Screen, reporting, table
from service.db import backup as folders
from service.db.backup import BackupRefused, Manifest, Progress, SealedKey
from service.db.keepers import open_keeper
from service.db.places import Database
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.rooms.custody.queries import KEYS_OF_PURPOSE
from service.settings import Settings
from service.unit_of_work.commands import HOUSE

PURPOSE: Final = "payment_token"
# A line each time this much more of the whole is done.
NOTED_PERCENT: Final = 10
# What is quicker than this to copy needs no line on the way.
NOTED_BYTES_MIN: Final = 64 << 20


class Backed(msgspec.Struct, frozen=True, kw_only=True):
    """What a program is told of a backup.

    Attributes:
        path: Its folder.
        manifest: What it says of itself.
    """

    path: str
    manifest: Manifest


@click.command()
@click.argument("destination", type=click.Path(path_type=Path))
@reporting
def backup(screen: Screen, destination: Path) -> None:
    """Copy the store into the new folder DESTINATION, as it is at one instant.

    Works while the service runs and holds nobody up. The folder appears whole or not at all. The
    root key is not in it: keep a copy of that elsewhere, for without it nothing that is sealed
    can be read again.
    """
    settings = current_settings()
    with telling():
        manifest = make(settings, destination, noting(screen))
    done = Backed(path=str(destination), manifest=manifest)
    screen.show(done, f"backed up to {destination}\n{described(manifest)}\n{reminder(settings)}")


def make(settings: Settings, destination: Path, progress: Progress) -> Manifest:
    """Make a backup of the store and return its manifest.

    Raises:
        Failure: There is no store, or nothing in it.
        BackupRefused: It cannot be made.
        StoreUnavailable: The store cannot be read.
    """
    keeper = open_keeper(settings.database)
    if not keeper.exists():
        raise Failure(
            "database_missing",
            f"there is no database at {settings.database}",
            then="set PAYGUARD_DATA_DIR to where it is",
        )
    made_at = SystemClock().now()
    with folders.new_folder(destination) as folder:
        copied, found = keeper.copy(folder, progress)
        if found is None:
            raise Failure(
                "database_empty",
                f"the database {settings.database} has no tables",
                then="there is nothing to back up yet; `payguard migrate` makes them",
            )
        manifest = Manifest(
            format=folders.FORMAT,
            software=importlib.metadata.version("payguard"),
            kind=keeper.kind,
            engine=keeper.engine(),
            made_at=made_at,
            store=found,
            files={copied.name: folders.file_facts(copied, progress)},
            key=_sealed_key(settings),
        )
        folders.write_manifest(folder, manifest)
    return manifest


def _sealed_key(settings: Settings) -> SealedKey | None:
    """Return the active signing key, sealed as the store has it."""
    place = settings.database
    if not isinstance(place, Path):
        # Who makes backups is given the owner's address and needs no other.
        owner = place.required("owner")
        place = Database(writer=owner, reader=owner, owner=owner)
    rows = open_spanning_reader(place).fetch(KEYS_OF_PURPOSE(tenant_id=HOUSE, purpose=PURPOSE))
    active = [row for row in rows if row["state"] == "active"]
    if not active:
        return None
    return SealedKey(kid=active[0]["kid"], sealed=active[0]["sealed_private"])


def noting(screen: Screen) -> Progress:
    """Return what says on the way how far a long step has come."""
    said: dict[str, int] = {}

    def progress(what: str, done: int, total: int) -> None:
        percent = done * 100 // total if total else 100
        if total < NOTED_BYTES_MIN or percent < said.get(what, 0) + NOTED_PERCENT:
            return
        said[what] = percent
        screen.note(f"{what} {percent} % of {total >> 20:,} MiB")

    return progress


def described(manifest: Manifest) -> str:
    """Return what people want to know of a backup."""
    store = manifest.store
    rows = [
        ("stands at", f"sequence {store.sequence} of epoch {store.epoch}"),
        ("last commit", "none" if store.at is None else store.at.isoformat(timespec="seconds")),
        ("revision", store.revision),
        ("rows", f"{sum(store.tables.values()):,} in {len(store.tables)} tables"),
        *(("log", f"{one.log}: {one.size:,} entries, last {one.leaf[:16]}") for one in store.logs),
    ]
    return table([(f"  {name}", text) for name, text in rows])


def reminder(settings: Settings) -> str:
    """Return what has to be kept besides."""
    return f"  not in it: the root key {settings.root_file}; keep a copy of it, elsewhere than this"


@contextlib.contextmanager
def telling() -> Iterator[None]:
    """Turn what backups and stores refuse into what a person is told."""
    try:
        yield
    except BackupRefused as error:
        raise Failure(error.code, str(error), then=error.then) from error
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable",
            str(error),
            then="`payguard doctor` looks for the cause; `payguard restore` puts a backup back",
        ) from error
    except OSError as error:
        raise Failure(
            "disk_refused",
            f"{error.filename or 'the disk'}: {error.strerror}",
            then="look for room and rights there, then do this again",
        ) from error
