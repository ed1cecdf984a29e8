"""`payguard command rerun`: a faulted command run again, dry. Commits nothing, shows no facts."""

import datetime as dt
from typing import Literal

import click
import msgspec
from msgspec.structs import replace

from keys import entropy
from keys.roots.file import RootRefused, load
from keys.sealing import NotOpened
from service.cli.environment import current_settings
from service.cli.records import FAULT_BY_ID
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting, table
from service.db.reader import Reader
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.rooms.assessments.public import Judge
from service.rooms.models import public as models
from service.rooms.strategies import public as strategies
from service.rooms.strategies.public import StrategyRefused
from service.secrets import open_secrets
from service.settings import Settings
from service.state.codec import WindowStates
from service.unit_of_work.outcome import Refused
from service.unit_of_work.rerun import rerun as rerun_dry
from service.writer.handlers import House, all_handlers


@click.group()
def command() -> None:
    """Look into commands that met a fault."""


@command.command()
@click.argument("fault_id")
@click.option("--dry", "is_dry", is_flag=True, help="Commit nothing. There is no other way.")
@reporting
def rerun(screen: Screen, fault_id: str, *, is_dry: bool) -> int:
    """Run the faulted command FAULT_ID (cmd_...) again, with its own time and randomness.

    Reads the database as it is now, judges by the strategy now in force, and commits nothing.
    Ends with 1 when it fails again.
    """
    if not is_dry:
        raise Failure(
            "only_dry",
            "a faulted command can only be rerun dry: its caller was told that it failed",
            then=f"payguard command rerun {fault_id} --dry",
        )
    settings = current_settings()
    try:
        reader = open_spanning_reader(settings.database)
        row = reader.maybe(FAULT_BY_ID(fault_id=fault_id))
        if row is None:
            raise Failure(
                "fault_not_found",
                f"there is no faulted command {fault_id} here",
                then="the log names them: grep command_faulted",
            )
        found = _rerun(settings, reader, row)
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error
    except (RootRefused, NotOpened) as error:
        raise Failure(
            "root_key_unusable",
            f"the sealed command cannot be opened ({type(error).__name__})",
            then="put back the root key under which the service ran",
        ) from error
    except StrategyRefused as error:
        raise Failure(
            "strategy_refused",
            str(error),
            then="put back the root key under which it ran, or restore a backup",
        ) from error
    screen.show(found, _text_of(found))
    return SOMETHING_FAILED if found.now == "fails" else DONE


class Rerun(msgspec.Struct, frozen=True, kw_only=True):
    """What a rerun brought.

    Attributes:
        fault_id: Which fault.
        command: Name of the command.
        at: When it ran, by the writer's clock.
        sequence: The last sequence committed before it ran.
        cause: The recorded cause: an exception's type and places, or a guard.
        now: Whether it is accepted or refused now, or fails again.
        cause_now: Why it fails again; None where it does not.
        problem: The refusal's code, where it is refused.
        entries: Kinds of the entries that it would write.
        changes: Names of the statements that it would run, which a dry run does not try.
    """

    fault_id: str
    command: str
    at: dt.datetime
    sequence: int
    cause: str
    now: Literal["accepted", "refused", "fails"]
    cause_now: str | None = None
    problem: str | None = None
    entries: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


def _rerun(settings: Settings, reader: Reader, row: Row) -> Rerun:
    load(settings.root_file)
    secrets = open_secrets(settings.root_file, entropy.system)
    desk = strategies.desk(secrets.strategy)
    in_force = strategies.at_start(reader.maybe(strategies.IN_FORCE), desk)
    judge = Judge(in_force.whole.strategy, secrets.sealer)
    # No model is asked for: a dry run says what the writer would do once it is loaded.
    house = House(desk, models.verifier(secrets.model), why_not=lambda _named: None)
    handlers = all_handlers(judge, issuer=settings.issuer, house=house)
    outcome = rerun_dry(
        row, handlers=handlers, reader=reader, sealer=secrets.sealer, codec=WindowStates()
    )
    found = Rerun(
        fault_id=row["fault_id"],
        command=row["command"],
        at=row["at"],
        sequence=row["sequence"],
        cause=row["cause"],
        now="fails",
    )
    if isinstance(outcome, str):
        return replace(found, cause_now=outcome)
    problem = outcome.problem.code if isinstance(outcome, Refused) else None
    return replace(
        found,
        now="refused" if problem else "accepted",
        problem=problem,
        entries=tuple(entry.kind for entry in outcome.entries),
        changes=tuple(change.bound.statement.name for change in outcome.changes),
    )


def _text_of(found: Rerun) -> str:
    rows = [
        ("fault", found.fault_id),
        ("command", found.command),
        ("ran", f"{found.at:%Y-%m-%d %H:%M:%S.%f} UTC, after sequence {found.sequence}"),
        ("cause", found.cause),
        ("now", found.now + (f" ({found.problem})" if found.problem else "")),
    ]
    if found.cause_now is not None:
        rows.append(("cause now", found.cause_now))
    if found.entries:
        rows.append(("would log", ", ".join(found.entries)))
    if found.changes:
        rows.append(("would run", ", ".join(found.changes)))
    return table(rows)
