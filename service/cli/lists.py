"""`payguard lists`: entries of a merchant's lists, one by one or as files of JSON lines or CSV.

What is exported can be imported: contacts and networks are the pseudonyms of the merchant's tenant.
"""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_args

import click
import msgspec

from risk.feature import Text
from service.cli.environment import current_settings
from service.cli.list_files import FIELDS, entries_of, written
from service.cli.merchant import find_merchant
from service.cli.pseudonyms import pseudonym_key
from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen, reporting, table
from service.cli.writers import ask, checked, merchant_call, writer_at_hand
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.rooms.lists import model, queries
from service.rooms.lists.contract import (
    PAGE_MAX,
    AddEntryRequest,
    AddListEntry,
    EntryQuery,
    EntryState,
    ListEntity,
    ListEntry,
    ListKind,
    RemoveListEntry,
    Strength,
)
from service.settings import Settings
from service.unit_of_work.commands import Call, Mode


class Whose(NamedTuple):
    """Whose lists a command is about."""

    settings: Settings
    call: Call

    @property
    def owner(self) -> queries.Owner:
        """Tenant, merchant and mode."""
        return self.call.tenant_id, self.call.merchant_id, self.call.mode


class Wrong(NamedTuple):
    """A line of a file that made no entry."""

    line: int
    code: str
    detail: str


def _owned(run: Callable[..., int | None]) -> Callable[..., int | None]:
    """Give a command the options that say whose lists it is about, and what they say as `whose`."""

    @click.option("--merchant", "merchant_id", required=True, metavar="MERCHANT_ID")
    @click.option("--mode", type=click.Choice(get_args(Mode)), default="sandbox", show_default=True)
    @functools.wraps(run)
    def command(screen: Screen, *, merchant_id: str, mode: Mode, **options: Any) -> int | None:
        settings = current_settings()
        row = find_merchant(settings, merchant_id)
        call = merchant_call(row["tenant_id"], merchant_id, mode=mode)
        return run(screen, whose=Whose(settings, call), **options)

    return command


@click.group()
def lists() -> None:
    """Add, remove, list, import and export entries of block, allow and watch lists."""


@lists.command()
@click.argument("kind", type=click.Choice(get_args(ListKind)))
@click.argument("entity", type=click.Choice(get_args(ListEntity)))
@click.argument("value")
@click.option("--reason", required=True, help="Why, for officers; it goes into the audit log.")
@click.option("--owner", required=True, help="Who answers for it: a team or a role.")
@click.option("--strength", type=click.Choice(get_args(Strength)), help="Of a block.")
@click.option("--expires-at", help="RFC 3339; from then on it matches nothing.")
@reporting
@_owned
def add(screen: Screen, whose: Whose, **told: Any) -> None:
    """Put VALUE on a list: KIND is block, allow or watch, ENTITY says what VALUE is."""
    command, wrong = _command(whose, pseudonym_key(whose.settings), told)
    if command is None:
        raise Failure("options_invalid", wrong, then="see this command's --help")
    with writer_at_hand(whose.settings) as submit:
        made = ask(submit, command, call=whose.call).read(ListEntry)
    screen.show(made, _lines([made]))


@lists.command()
@click.argument("entry_id")
@reporting
@_owned
def remove(screen: Screen, entry_id: str, whose: Whose) -> None:
    """Take ENTRY_ID off its list."""
    command = checked(RemoveListEntry, entry_id=entry_id)
    with writer_at_hand(whose.settings) as submit:
        gone = ask(submit, command, call=whose.call).read(ListEntry)
    screen.show(gone, f"{entry_id} is removed")


@lists.command(name="list")
@click.option("--kind", type=click.Choice(get_args(ListKind)), help="Only this list.")
@click.option("--entity", type=click.Choice(get_args(ListEntity)), help="Only these.")
@click.option("--state", type=click.Choice(get_args(EntryState)), default="active")
@click.option("--limit", type=click.IntRange(1, PAGE_MAX), default=50, show_default=True)
@reporting
@_owned
def list_entries(screen: Screen, whose: Whose, **told: Any) -> None:
    """Show entries, the newest first."""
    found = next(_pages(whose, EntryQuery(**told)))
    words = queries.rule_words(open_spanning_reader(whose.settings.database), found)
    # People read a rule's words in both languages; programs get what export writes.
    shown = [_in_words(one, words.get(one.id)) for one in found]
    screen.show(found, _lines(shown))


@lists.command()
@click.argument("file", type=click.Path(path_type=Path))
@reporting
@_owned
def export(screen: Screen, file: Path, whose: Whose) -> None:
    """Write every entry that is not over into the new FILE: CSV by its ending, else JSON lines."""
    rows = [
        {name: getattr(one, name) for name in FIELDS}
        for page in _pages(whose, EntryQuery(limit=PAGE_MAX))
        for one in page
    ]
    text = written(rows, file)
    try:
        with file.open("x", encoding="utf-8", newline="") as out:
            out.write(text)
    except OSError as error:
        raise Failure(
            "file_unusable",
            f"{file} cannot be written: {error.strerror or error}",
            then="name a file that does not exist, in a folder that this user may write",
        ) from error
    screen.show({"file": str(file), "entries": len(rows)}, f"{len(rows)} entries in {file}")


@lists.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@reporting
@_owned
def import_entries(screen: Screen, file: Path, whose: Whose) -> int:
    """Add each entry of FILE: CSV by its ending, else JSON lines. What is there already stays."""
    key = pseudonym_key(whose.settings)
    made, there, wrong = 0, 0, []
    with writer_at_hand(whose.settings) as submit:
        for line, told in entries_of(file):
            command, detail = (None, told) if isinstance(told, str) else _command(whose, key, told)
            if command is None:
                wrong.append(Wrong(line, "entry_invalid", detail))
                continue
            try:
                ask(submit, command, call=whose.call)
            except Failure as failure:
                if failure.code == "list_entry_exists":
                    there += 1
                elif failure.code.startswith("list_entry_"):
                    wrong.append(Wrong(line, failure.code, failure.what))
                else:
                    raise
            else:
                made += 1
    said = f"{made} entries added, {there} were there already, {len(wrong)} lines are wrong"
    lines = [f"line {one.line}: {one.detail}" for one in wrong]
    result = {"added": made, "there": there, "wrong": [one._asdict() for one in wrong]}
    screen.show(result, "\n".join([said, *lines]))
    return SOMETHING_FAILED if wrong else DONE


def _command(whose: Whose, key: bytes, told: dict[str, Any]) -> tuple[AddListEntry | None, str]:
    """Return the command that adds an entry, or what is wrong with it; never repeats the value."""
    try:
        body = msgspec.convert(told, AddEntryRequest)
    except msgspec.ValidationError as error:
        return None, str(error)
    command, errors = model.adding(body, key=key, tenant_id=whose.call.tenant_id)
    return command, " ".join(f"{one.pointer}: {one.detail}" for one in errors)


def _pages(whose: Whose, query: EntryQuery) -> Iterator[list[ListEntry]]:
    """Yield pages of entries, at least one."""
    last = None
    while True:
        read = queries.page(query, owner=whose.owner, last=last, now=SystemClock().now())
        try:
            rows = open_spanning_reader(whose.settings.database).fetch(read)
        except StoreUnavailable as error:
            raise Failure(
                "database_unusable", str(error), then="`payguard doctor` looks for the cause"
            ) from error
        found = [model.shown(row) for row in rows[: query.limit]]
        yield found
        if len(rows) <= query.limit:
            return
        last = queries.key(found[-1])


def _lines(entries: list[ListEntry]) -> str:
    head = ("entry", "list", "entity", "value", "until", "owner", "reason")
    return table([head, *map(_line, entries)])


def _in_words(one: ListEntry, said: Text | None) -> ListEntry:
    return one if said is None else msgspec.structs.replace(one, reason=f"{said.en} {said.zh}")


def _line(one: ListEntry) -> tuple[str, ...]:
    kind = one.kind if one.strength is None else f"{one.kind} ({one.strength})"
    value = one.value if one.prefix is None else f"{one.value} (/{one.prefix})"
    until = "-" if one.expires_at is None else f"{one.expires_at:%Y-%m-%d %H:%M:%S} UTC"
    return one.id, kind, one.entity, value, until, one.owner, one.reason
