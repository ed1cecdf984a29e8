"""`payguard migrate`: brings the database to this version, under the writer's lock."""

import click

from service.cli.database import Standing, bring_to, standing
from service.cli.environment import current_settings, make_data_folder
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting
from service.db.store import StoreUnavailable
from service.writer.lock import WriterRuns, writer_lock


@click.command()
@click.option("--to", metavar="REVISION", help="Stop at this revision; an older one goes down.")
@click.option("--check", "is_check", is_flag=True, help="Only say what is pending: exit 1 if any.")
@click.option("--yes", "is_sure", is_flag=True, help="Go down although data of newer tables go.")
@reporting
def migrate(screen: Screen, to: str | None, *, is_check: bool, is_sure: bool) -> int:
    """Bring the database to this version, all of it or nothing.

    Takes the writer's lock first, so the service must be stopped. Makes the database where there
    is none.
    """
    settings = current_settings()
    database = settings.database
    if is_check:
        found = standing(database)
        screen.show(found, _described(found))
        return SOMETHING_FAILED if found.pending or found.is_newer else DONE
    make_data_folder(settings.data_dir)
    try:
        with writer_lock(settings):
            before = standing(database)
            revision = to or "head"
            _refuse_loss(before, revision, is_sure=is_sure)
            bring_to(database, revision, before)
            after = standing(database)
    except WriterRuns as error:
        raise Failure(
            "already_running",
            f"the service runs: {error}",
            then="stop `payguard serve` with SIGTERM, migrate, then start it again",
        ) from error
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error
    moved = before.current != after.current
    came = f"from {before.current or 'nothing'} to {after.current or 'nothing'}"
    screen.show(after, f"migrated {came}" if moved else _described(after))
    return DONE


def _refuse_loss(found: Standing, revision: str, *, is_sure: bool) -> None:
    goes_down = found.current is not None and revision not in {
        *found.pending,
        "head",
        found.current,
    }
    if found.is_newer:
        raise Failure(
            "database_newer",
            f"the database is at {found.current}, which this software does not know",
            then="run the version that made it, or a newer one",
        )
    if goes_down and not is_sure:
        raise Failure(
            "would_lose_data",
            f"going down from {found.current} to {revision} drops what newer tables hold",
            then="make a backup, then repeat with --yes",
        )


def _described(found: Standing) -> str:
    if found.is_newer:
        return f"at {found.current}: made by a newer version than this one"
    if found.pending:
        at = found.current or "nothing (no tables yet)"
        return f"at {at}, pending: {', '.join(found.pending)}"
    return f"up to date at {found.current}"
