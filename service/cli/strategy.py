"""`payguard strategy`: checks a folder, puts it in force, goes back. Signs; the writer decides."""

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from keys import entropy
from keys.notes import Signer
from keys.roots.file import RootRefused
from risk.feature import load_features
from risk.strategy_changes import Difference, differences
from risk.strategy_content import NotAStrategy, from_content, read_content
from service.cli.database import require_root_key
from service.cli.environment import current_settings
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting, table
from service.cli.strategy_folder import deciding, read_folder, reader_of, write_start
from service.cli.writers import ask, checked, house_call, writer_at_hand
from service.db.statements import Row
from service.rooms.strategies import model, queries
from service.rooms.strategies.contract import (
    NUMBER_MAX,
    ActivateStrategy,
    Activation,
    GoBack,
)
from service.rooms.strategies.model import StrategyRefused
from service.secrets import open_secrets
from service.settings import Settings

SHOWN_CHARS_MAX: Final = 60
# It waits until its model is checked, for up to a minute, and for those before it.
CHECK_NS: Final = 120_000_000_000


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found.

    Attributes:
        strategy_id: Id of the folder's content.
        against: Id of the strategy in force, or of the software's own where none is yet.
        differences: Every place in which the two differ.
    """

    strategy_id: str
    name: str
    version: int
    against: str
    differences: tuple[Difference, ...]


@click.group()
def strategy() -> None:
    """Make, check and activate strategies, and go back to the one before."""


@strategy.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--model", type=click.Path(path_type=Path), help="File of a model that it is to judge by."
)
@reporting
def new(screen: Screen, folder: Path, model: Path | None) -> None:
    """Write the strategy that comes with Payguard into the new FOLDER, to start from."""
    files = write_start(folder, model)
    screen.show({"folder": str(folder), "files": files}, f"{len(files)} files in {folder}")


@strategy.command()
@click.argument("folder", type=click.Path(path_type=Path))
@reporting
def check(screen: Screen, folder: Path) -> None:
    """Check the strategy of FOLDER; say its id, and what differs from the one in force."""
    found = read_folder(folder)
    before = deciding(current_settings())
    changed = differences(read_content(before.content), read_content(found.content))
    result = Checked(
        strategy_id=found.strategy.id,
        name=found.about.name,
        version=found.about.version,
        against=before.strategy.id,
        differences=changed,
    )
    lines = [f"{result.strategy_id}: {result.name}, version {result.version}; it fits"]
    lines.append(f"{len(changed)} differences from {before.strategy.id}, which decides now")
    lines += [f"  {one.path}: {_short(one.before)} -> {_short(one.after)}" for one in changed]
    screen.show(result, "\n".join(lines))


@strategy.command()
@click.argument("folder", type=click.Path(path_type=Path))
@reporting
def activate(screen: Screen, folder: Path) -> None:
    """Sign the strategy of FOLDER and let it decide, from the next batch on."""
    found = read_folder(folder)
    settings = current_settings()
    by = _signer(settings)
    with writer_at_hand(settings) as submit:
        number = _newest(settings)["number"] + 1
        strategy_id = found.strategy.id
        command = checked(
            ActivateStrategy,
            number=number,
            strategy_id=strategy_id,
            content=found.content,
            note=model.signed(number, strategy_id, found.content, by),
        )
        made = ask(submit, command, call=house_call(), deadline_ns=CHECK_NS).read(Activation)
    screen.show(made, f"{made.strategy_id} decides from here on (number {made.number})")


@strategy.command()
@reporting
def back(screen: Screen) -> None:
    """Let the strategy before decide again; once more leads one further back."""
    settings = current_settings()
    by = _signer(settings)
    with writer_at_hand(settings) as submit:
        reader = reader_of(settings)
        newest = _newest(settings)
        number = newest["number"] + 1
        before = newest["back_to"] and queries.numbered(reader, newest["back_to"])
        if not before:
            raise Failure(
                "strategy_first",
                f"there is no strategy before {newest['strategy_id']}",
                then="`payguard strategy list` shows those that ever decided",
            )
        _verified(before, by)
        strategy_id, content = _as_of_now(before)
        command = checked(
            GoBack,
            number=number,
            strategy_id=strategy_id,
            note=model.signed(number, strategy_id, content, by),
        )
        made = ask(submit, command, call=house_call(), deadline_ns=CHECK_NS).read(Activation)
    screen.show(made, f"{made.strategy_id} decides again (number {made.number})")


@strategy.command(name="list")
@reporting
def list_strategies(screen: Screen) -> None:
    """Show which strategy decided since when, the newest first."""
    reader = reader_of(current_settings())
    rows: list[Row] = []
    while page := queries.before(reader, rows[-1]["number"] if rows else NUMBER_MAX):
        rows += page
    found = [model.shown(row) for row in rows]
    head = ("number", "strategy", "since", "by", "how", "origin")
    screen.show(found, table([head, *map(_line, found)]))


@strategy.command()
@click.argument("strategy_id", required=False)
@reporting
def show(screen: Screen, strategy_id: str | None) -> int:
    """Show STRATEGY_ID, or the one in force: who signed it, and all that it says.

    Ends with 1 when its signature does not hold.
    """
    settings = current_settings()
    reader = reader_of(settings)
    row = queries.of_id(reader, strategy_id) if strategy_id else _newest(settings)
    if row is None:
        raise Failure(
            "strategy_not_found",
            f"{strategy_id} never decided here",
            then="`payguard strategy list` shows those that did",
        )
    by = _signer(settings)
    is_signed, content = True, None
    try:
        model.check_signature(row, by.verifier)
        content = read_content(row["content"])
    except StrategyRefused:
        is_signed = False
    except NotAStrategy as error:
        screen.note(f"this version cannot read its content: {error}")
    told = model.shown(row)
    result: dict[str, Any] = {
        "activation": told,
        "is_signed": is_signed,
        "verifier_key": by.verifier_key,
        "note": row["note"],
        "content": content,
    }
    signature = "the signature holds" if is_signed else "THE SIGNATURE DOES NOT HOLD"
    text = "" if content is None else msgspec.json.format(msgspec.json.encode(content)).decode()
    screen.show(result, f"{table([_line(told)])}\n{signature}: {by.verifier_key}\n{text}")
    return DONE if is_signed else SOMETHING_FAILED


def _newest(settings: Settings) -> Row:
    row = queries.in_force(reader_of(settings))
    if row is None:
        raise Failure(
            "strategy_none",
            "no strategy is in force yet",
            then="start the service once: `payguard serve`",
        )
    return row


def _signer(settings: Settings) -> Signer:
    require_root_key(settings)
    try:
        return model.signer(open_secrets(settings.root_file, entropy.system).strategy)
    except RootRefused as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error


def _as_of_now(row: Row) -> tuple[str, bytes]:
    """Return id and content of a kept strategy under this software's code."""
    try:
        found = from_content(row["content"], load_features())
    except NotAStrategy:
        # The writer refuses it by its reason.
        return row["strategy_id"], row["content"]
    return found.strategy.id, found.content


def _verified(row: Row, by: Signer) -> None:
    """Refuse to sign again what was not signed before."""
    try:
        model.check_signature(row, by.verifier)
    except StrategyRefused as error:
        raise Failure(
            "strategy_refused", str(error), then="activate its folder instead, after a check"
        ) from error


def _line(one: Activation) -> tuple[str, ...]:
    since = f"{one.activated_at:%Y-%m-%d %H:%M:%S} UTC"
    return str(one.number), one.strategy_id, since, one.activated_by, one.how, one.origin


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[:SHOWN_CHARS_MAX]}..."
