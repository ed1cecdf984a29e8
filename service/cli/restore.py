"""`payguard restore`: a backup becomes the store, after everything about it was looked at."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from keys import entropy
from keys.notes import Checkpoint, NotANote
from keys.roots.file import RootRefused
from keys.sealing import NotOpened
from keys.token_keys import SigningKey
from service.cli.backup import described, noting, telling
from service.cli.environment import current_settings, make_data_folder
from service.cli.screen import Failure, Screen, reporting
from service.db import backup as folders
from service.db.backup import BackupRefused, Keeper, Manifest, StoreFacts
from service.db.keepers import open_keeper
from service.db.places import Place
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.rooms.audit.contract import LOG
from service.secrets import open_secrets
from service.settings import Settings
from service.worker.outside import CheckpointFolder
from service.writer.lock import WriterRuns, worker_lock, writer_lock


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What a program is told of a restore.

    Attributes:
        manifest: Of the backup.
        pending: Revisions that the restored store lacks; `payguard upgrade` brings them.
        kept: Where the store that was there is kept, if there was one.
        kept_sequence: The sequence that the kept store stood at; None where nobody can tell.
        signed_outside: How many entries were signed outside of the store; None where there is no
            checkpoint. More than the restored log has: it was set back.
    """

    manifest: Manifest
    pending: tuple[str, ...]
    kept: str | None
    kept_sequence: int | None
    signed_outside: int | None


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--replace", "is_replace", is_flag=True, help="Put it in place of a store in use.")
@reporting
def restore(screen: Screen, source: Path, *, is_replace: bool) -> None:
    """Make the backup in the folder SOURCE the store of this service.

    The service must be stopped. Everything is verified before anything is touched: files,
    figures, constraints, and that the root key here opens what is sealed in it. With --replace
    the store that is there is kept beside the new one.
    """
    settings = current_settings()
    make_data_folder(settings.data_dir)
    with telling(), service_stopped(settings, then="restore"):
        keeper = open_keeper(settings.database)
        replaced = _replaced(settings, keeper, is_replace=is_replace)
        done = _restore(screen, settings, keeper, source, replaced)
    screen.show(done, _told(done))


@contextlib.contextmanager
def service_stopped(settings: Settings, *, then: str) -> Iterator[None]:
    """Hold the locks of writer and worker, so that neither works meanwhile.

    Args:
        settings: Whose locks.
        then: What is to be done after stopping, in one word.

    Raises:
        Failure: One of them runs.
    """
    try:
        with writer_lock(settings), worker_lock(settings):
            yield
    except WriterRuns as error:
        raise Failure(
            "already_running",
            f"the service runs: {error}",
            then=f"stop `payguard serve` with SIGTERM, {then}, then start it again",
        ) from error


class _InPlace(msgspec.Struct, frozen=True):
    """The store that is there: whether it has anything to keep, and what it holds if it tells."""

    is_kept: bool
    facts: StoreFacts | None


def _replaced(settings: Settings, keeper: Keeper, *, is_replace: bool) -> _InPlace:
    """Return what is to be replaced; refuse to replace unasked what anybody could miss."""
    if not keeper.exists():
        return _InPlace(is_kept=False, facts=None)
    try:
        found = keeper.facts()
    except StoreUnavailable:
        # A file may be broken; a server that does not answer takes no backup either.
        if not isinstance(settings.database, Path):
            raise
        has_data, found = True, None
    else:
        has_data = found is not None and not found.is_empty
    if has_data and not is_replace:
        at = f"stands at sequence {found.sequence}" if found else "cannot be read"
        raise Failure(
            "store_has_data",
            f"there is a store at {settings.database} already; it {at}",
            then="repeat with --replace to put the backup in its place; it will be kept aside",
        )
    return _InPlace(is_kept=has_data, facts=found)


def _restore(
    screen: Screen, settings: Settings, keeper: Keeper, source: Path, replaced: _InPlace
) -> Restored:
    manifest = folders.read_manifest(source)
    _require_kind(manifest, keeper)
    pending = _pending(manifest)
    progress = noting(screen)
    folders.check_files(source, manifest, progress)
    _require_opened(settings, manifest)
    with keeper.staged(source, manifest, progress) as staged:
        kept = staged.put_in_place(is_kept=replaced.is_kept, now=SystemClock().now())
    _set_rights(settings.database, manifest)
    return Restored(
        manifest=manifest,
        pending=pending,
        kept=kept,
        kept_sequence=None if replaced.facts is None else replaced.facts.sequence,
        signed_outside=_signed_outside(settings),
    )


def _require_kind(manifest: Manifest, keeper: Keeper) -> None:
    if manifest.kind != keeper.kind:
        raise Failure(
            "other_store",
            f"the backup is of {manifest.engine}, and this service keeps its store elsewhere",
            then="set PAYGUARD_DATABASE_URL, PAYGUARD_READER_URL and PAYGUARD_OWNER_URL for a"
            " backup of PostgreSQL, and unset them for one of SQLite",
        )


def _pending(manifest: Manifest) -> tuple[str, ...]:
    """Return the revisions that a backup lacks; refuse one of a newer software."""
    # Alembic is slow to load.
    from service.db import migrate

    try:
        return tuple(migrate.pending_after(manifest.store.revision))
    except migrate.StoreIsNewer as error:
        raise BackupRefused(
            "backup_newer",
            f"the backup was made by Payguard {manifest.software}: {error}",
            then="install that version, then restore",
        ) from error


def _set_rights(place: Place, manifest: Manifest) -> None:
    """Give the serving roles of this database their rights; whoever migrates does that."""
    from service.db import migrate

    if not isinstance(place, Path):
        migrate.upgrade(place, manifest.store.revision)


def _require_opened(settings: Settings, manifest: Manifest) -> None:
    """Refuse a store of which the root key here opens nothing."""
    key = manifest.key
    if key is None:
        return
    try:
        secrets = open_secrets(settings.root_file, entropy.system, is_used=True)
        SigningKey.open(key.sealed, kid=key.kid, sealer=secrets.sealer)
    except RootRefused as error:
        raise Failure(
            "root_key_missing",
            str(error),
            then="put back the root key under which the backup was made; it is kept elsewhere",
        ) from error
    except NotOpened as error:
        raise Failure(
            "root_key_other",
            f"the root key {settings.root_file} does not open what is sealed in the backup",
            then="set PAYGUARD_ROOT_KEY_FILE to the key under which it was made; nothing changed",
        ) from error


def _signed_outside(settings: Settings) -> int | None:
    """Return the size that the latest checkpoint outside says; who signed it is looked at later."""
    try:
        note = CheckpointFolder(settings.checkpoints, LOG).latest()
        return None if note is None else Checkpoint.of(note.partition("\n\n")[0] + "\n").size
    except (OSError, NotANote):
        return None


def _told(done: Restored) -> str:
    lines = ["restored", described(done.manifest)]
    if done.kept is not None:
        lines.append(f"  the store that was there is kept at {done.kept}")
    lost = (done.kept_sequence or 0) - done.manifest.store.sequence
    if lost > 0:
        lines.append(f"  it had {lost} more commands, which the restored store does not have")
    lines.append(
        "  what was acknowledged after the backup is not in it: merchants ask for their payments"
        " and send again what is missing"
    )
    upgrade = "`payguard upgrade`, for an older version made this store"
    steps = [upgrade] if done.pending else []
    entries = sum(one.size for one in done.manifest.store.logs if one.log == LOG)
    if done.signed_outside is not None and done.signed_outside > entries:
        lines.append(
            f"  {done.signed_outside:,} entries of the log were signed, {entries:,} are restored:"
            " the log is set back, and nothing more is signed until that is accepted"
        )
        steps.append('`payguard audit accept-restore --reason "..."`')
    if not done.pending:
        steps.append("`payguard serve`")
    lines.append(f"next: {', then '.join(steps)}")
    return "\n".join(lines)
