"""`payguard audit`: the log's checkpoints, its verification, its export, a restore accepted."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import click

from service.cli.audit_export import export as write_export
from service.cli.audit_export import hold_told, new_file
from service.cli.audit_finding import Finding
from service.cli.audit_log import folder_of, log_reader, standing, trusted, unreadable, unusable
from service.cli.audit_verify import LogCheck
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting
from service.db.reader import Reader
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.rooms.audit import queries
from service.rooms.audit.contract import LOG, AcceptRestore, RecordExport
from service.rooms.audit.model import shown_checkpoint
from service.settings import Settings

NOTED_PERCENT: Final = 10
NOTED_MIN: Final = 20_000
# A worker that read the folder before it was moved tells the writer within a second.
LOOKS: Final = 5
LOOK_EVERY_S: Final = 0.2


@click.group()
def audit() -> None:
    """Checkpoints of the log, its verification and its export."""


@audit.command()
@click.option("--size", type=click.IntRange(min=1), help="That of this size; else the latest.")
@reporting
def checkpoint(screen: Screen, size: int | None) -> None:
    """Print a signed checkpoint, and the key that signed it."""
    with _reading() as (_settings, reader):
        if size is None:
            row = _latest(reader)
        elif (found := queries.checkpoint(reader, LOG, size)) is not None:
            row = found
        else:
            raise Failure(
                "checkpoint_not_found",
                f"there is no checkpoint of {size}",
                then="leave --size away for the latest",
            )
    shown = shown_checkpoint(row)
    screen.note(f"signed {shown.signed_at:%Y-%m-%d %H:%M:%S} UTC, key {shown.verifier_key}")
    screen.show(shown, shown.note.rstrip("\n"))


@audit.command()
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Trust this key alone.")
@click.option(
    "--known",
    "known",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint that was kept from earlier.",
)
@reporting
def verify(screen: Screen, keys: tuple[str, ...], known: tuple[Path, ...]) -> int:
    """Verify the whole log, and name the first bad place.

    Ends with 1 when something is bad. Without --key the key in the folder of checkpoints
    counts, and without that one the database's own.
    """
    with _reading() as (settings, reader):
        folder = folder_of(settings)
        check = LogCheck(
            reader,
            folder,
            trusted(reader, folder, keys),
            known=[path.read_text("utf-8", "replace") for path in known],
            progress=_noting(screen, "verified"),
        )
        found = check.run()
    screen.show(found, told(found))
    return DONE if found.verified else SOMETHING_FAILED


@audit.command()
@click.argument("target", type=click.Path(path_type=Path))
@reporting
def export(screen: Screen, target: Path) -> None:
    """Write the log to the new file TARGET as JSON lines; that it was done is an entry itself."""
    # A writer's code is slow to load, and who only verifies needs none of it.
    from service.cli.writers import ask, house_call, writer_at_hand

    with _reading() as (settings, reader):
        latest = _latest(reader)
        hold_told(reader, latest)
        first, size = queries.first_kept(reader), latest["size"]
        partial = target.with_name(f"{target.name}.partial")
        if target.exists():
            new_file(target)
        with new_file(partial) as file:
            with writer_at_hand(settings) as submit:
                command = RecordExport(log=LOG, first=first, size=size)
                ask(submit, command, call=house_call())
            try:
                done = write_export(reader, file, latest, _noting(screen, "written"))
                file.close()
                partial.rename(target)
            except OSError as error:
                raise Failure(
                    "disk_refused",
                    f"{partial} cannot be written: {error.strerror}",
                    then="look for room and rights there, remove it, then do this again",
                ) from error
    entries, checkpoints = done
    shown = shown_checkpoint(latest)
    result = {
        "file": str(target),
        "entries": entries,
        "checkpoints": checkpoints,
        "size": size,
        "verifier_key": shown.verifier_key,
    }
    text = (
        f"{target}: {entries:,} entries, {checkpoints:,} checkpoints\n"
        f"next: python verify_log.py {target} --key '{shown.verifier_key}'"
    )
    screen.show(result, text)


@audit.command(name="accept-restore")
@click.option("--reason", required=True, help="Why the log was set back; it goes into the log.")
@reporting
def accept_restore(screen: Screen, reason: str) -> None:
    """State that the log was set back by a restore, so that it is signed again.

    The statement becomes an entry; the checkpoints outside that the restored log does not
    extend are kept in a folder beside the new ones. Who kept one of them will see that the log
    was set back, and this entry says why.
    """
    from service.cli.writers import ask, checked, house_call, writer_at_hand

    with _reading() as (settings, reader):
        found = standing(settings, reader)
        if found.reason is None and queries.open_divergence(reader, LOG) is None:
            raise Failure(
                "log_not_diverged",
                "the log extends the checkpoint outside of the database: nothing is to be accepted",
                then="`payguard audit verify` looks at every entry",
            )
        outside = found.outside
        command = checked(
            AcceptRestore,
            log=LOG,
            size=found.size,
            outside_size=outside.size if outside else 0,
            outside_root=outside.root.hex() if outside else None,
            reason=reason,
        )
        aside = None
        with writer_at_hand(settings) as submit:
            reply = ask(submit, command, call=house_call())
            # After the entry: a crash between the two leaves the divergence to be seen again.
            if found.reason is not None:
                name = f"replaced-{SystemClock().now():%Y%m%dT%H%M%SZ}"
                aside = str(folder_of(settings).move_aside(name).folder)
            if _is_seen_again(reader):
                ask(submit, command, call=house_call())
    text = f"accepted, as entry {reply.receipts[0].index} of the log"
    kept = f"\n  the checkpoints from before are kept in {aside}" if aside else ""
    result = {"receipt": reply.receipts[0], "kept": aside}
    screen.show(result, f"{text}{kept}\nnext: `payguard audit verify`")


def _is_seen_again(reader: Reader) -> bool:
    """Say whether a worker that looked between entry and move has recorded the same once more."""
    for _ in range(LOOKS):
        if queries.open_divergence(reader, LOG) is not None:
            return True
        time.sleep(LOOK_EVERY_S)
    return False


def told(found: Finding) -> str:
    """Return what a person is told of a verification."""
    if found.verified:
        signed = f"{found.entries - found.unsigned:,} under {found.checkpoints:,} checkpoints"
        outside = "none" if found.outside is None else f"the latest of {found.outside:,}"
        lines = [f"{click.style('verified', fg='green', bold=True)}: {found.entries:,} entries"]
        if found.first:
            lines.append(f"  from {found.first:,} on: an entry says that retention took the rest")
        lines.append(f"  {signed}, {found.unsigned:,} not signed yet")
        lines.append(f"  checkpoints outside of the database: {outside}")
        if found.size:
            lines.append(f"  tree of {found.size:,}, root {found.root}")
        return "\n".join(lines)
    place = "" if found.position is None else f" at {found.position}"
    lines = [f"{click.style('BAD', fg='red', bold=True)}{place}: {found.fault}: {found.text}"]
    if found.field is not None:
        lines.append(f"  field: {found.field}")
    if found.expected is not None:
        lines.append(f"  expected: {found.expected}")
    lines.append(f"  good before it: {found.entries:,} entries")
    if found.fault == "rolled_back":
        lines.append("next: if this was a restore, `payguard audit accept-restore --reason ...`")
    return "\n".join(lines)


def _latest(reader: Reader) -> Row:
    row = queries.latest(reader, LOG)
    if row is None:
        raise Failure(
            "not_signed_yet",
            "the log has no checkpoint yet",
            then="`payguard serve` runs the worker, which signs it within seconds",
        )
    return row


@contextlib.contextmanager
def _reading() -> Iterator[tuple[Settings, Reader]]:
    settings, reader = log_reader()
    try:
        yield settings, reader
    except StoreUnavailable as error:
        raise unusable(error) from error
    except OSError as error:
        raise unreadable(settings, error) from error


def _noting(screen: Screen, what: str) -> Callable[[int, int], None]:
    """Return what says on the way how far a long step has come."""
    said: dict[str, Any] = {"percent": 0}

    def progress(done: int, total: int) -> None:
        percent = done * 100 // total if total else 100
        if total >= NOTED_MIN and percent >= said["percent"] + NOTED_PERCENT:
            said["percent"] = percent
            screen.note(f"{what} {percent} % of {total:,} entries")

    return progress
