"""`payguard key`: creates, rotates, revokes and lists API keys. Shows a key's text once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, get_args

import click

from keys import entropy
from keys.api_keys import ApiKeyText, new_api_key
from keys.roots.file import RootRefused
from service.cli.database import require_root_key
from service.cli.environment import current_settings
from service.cli.merchant import find_merchant
from service.cli.screen import Failure, Screen, reporting, table
from service.cli.secret_files import kept
from service.cli.writers import ask, checked, merchant_call, writer_at_hand
from service.db.statements import Row
from service.db.stores import open_spanning_reader
from service.rooms.merchants import queries
from service.rooms.merchants.contract import (
    DEFAULT_SCOPES,
    OVERLAP_S_MAX,
    SCOPES,
    CreateKey,
    Key,
    RevokeKey,
    Rotated,
    RotateKey,
)
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Mode

MODES: Final[tuple[str, ...]] = get_args(Mode)
OVERLAP_S_USUAL: Final = 24 * 3_600
NOT_USUAL: Final = " and ".join(sorted(set(SCOPES) - set(DEFAULT_SCOPES)))

_merchant = click.option("--merchant", "merchant_id", required=True, metavar="MERCHANT_ID")
_key_file = click.option(
    "--key-file",
    type=click.Path(path_type=Path),
    help="Write the key to this new file, for its owner only, and do not print it.",
)


@click.group()
def key() -> None:
    """Create, rotate, revoke and list API keys."""


@key.command()
@_merchant
@click.option("--mode", type=click.Choice(MODES), default="sandbox", show_default=True)
@click.option(
    "--scopes",
    metavar="A,B",
    default=",".join(DEFAULT_SCOPES),
    help=f"What the key may do, with commas: {', '.join(SCOPES)}. Else all but {NOT_USUAL}.",
)
@click.option("--label", default="default", show_default=True, help="Which server holds it.")
@_key_file
@reporting
def create(
    screen: Screen, merchant_id: str, mode: Mode, scopes: str, label: str, key_file: Path | None
) -> None:
    """Create an API key. Its text is shown this once, and only its hash is kept."""
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    text, index = _new_text(settings, mode)
    command = checked(
        CreateKey,
        mode=mode,
        scopes=tuple(scope.strip() for scope in scopes.split(",")),
        secret_hash=index,
        label=label,
    )
    call = merchant_call(row["tenant_id"], merchant_id, mode=mode)
    with (
        kept(key_file, text.reveal(), code="key_file_unusable"),
        writer_at_hand(settings) as submit,
    ):
        made = ask(submit, command, call=call).read(Key)
    _show_new(screen, made, text, key_file)


@key.command()
@click.argument("key_id")
@_merchant
@click.option(
    "--overlap-s",
    type=click.IntRange(0, OVERLAP_S_MAX),
    default=OVERLAP_S_USUAL,
    show_default=True,
    help="How long the old key works beside the new one.",
)
@_key_file
@reporting
def rotate(
    screen: Screen, key_id: str, merchant_id: str, overlap_s: int, key_file: Path | None
) -> None:
    """Give KEY_ID a successor of the same mode, scopes and label; both work for a while."""
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    found = _find_key(settings, row, key_id)
    text, index = _new_text(settings, found["mode"])
    command = checked(RotateKey, key_id=key_id, secret_hash=index, overlap_s=overlap_s)
    call = merchant_call(row["tenant_id"], merchant_id, mode=found["mode"])
    with (
        kept(key_file, text.reveal(), code="key_file_unusable"),
        writer_at_hand(settings) as submit,
    ):
        made = ask(submit, command, call=call).read(Rotated)
    screen.note(f"{key_id} works until {made.replaced.expires_at:%Y-%m-%d %H:%M:%S} UTC")
    _show_new(screen, made.successor, text, key_file)


@key.command()
@click.argument("key_id")
@_merchant
@reporting
def revoke(screen: Screen, key_id: str, merchant_id: str) -> None:
    """End KEY_ID at once."""
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    mode = _find_key(settings, row, key_id)["mode"]
    call = merchant_call(row["tenant_id"], merchant_id, mode=mode)
    with writer_at_hand(settings) as submit:
        ended = ask(submit, RevokeKey(key_id=key_id), call=call).read(Key)
    screen.show(ended, f"{key_id} is revoked: it works no more")


@key.command(name="list")
@_merchant
@reporting
def list_keys(screen: Screen, merchant_id: str) -> None:
    """List a merchant's keys, without their texts."""
    settings = current_settings()
    rows = _keys_of(settings, find_merchant(settings, merchant_id))
    head = ("key", "mode", "state", "label", "ends", "scopes")
    lines = [
        (
            row["key_id"],
            row["mode"],
            row["state"],
            row["label"],
            f"{row['expires_at']:%Y-%m-%d %H:%M} UTC" if row["expires_at"] else "-",
            row["scopes"],
        )
        for row in rows
    ]
    screen.show(rows, table([head, *lines]))


def _new_text(settings: Settings, mode: Mode) -> tuple[ApiKeyText, bytes]:
    """Return a new key's text, and the hash under which it is found."""
    require_root_key(settings)
    try:
        secrets = open_secrets(settings.root_file, entropy.system)
    except RootRefused as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error
    text = new_api_key(mode, entropy.system)
    return text, text.index(secrets.api_key_index)


def _show_new(screen: Screen, made: Key, text: ApiKeyText, key_file: Path | None) -> None:
    rows = [
        ("key", made.key_id),
        ("merchant", made.merchant_id),
        ("mode", made.mode),
        ("scopes", " ".join(made.scopes)),
        ("label", made.label),
    ]
    shown: dict[str, Any] = {"key": made}
    if key_file is None:
        rows.append(("text", text.reveal()))
        shown["text"] = text.reveal()
        note = "\n\nKeep the text now: it is not shown again."
    else:
        rows.append(("file", str(key_file)))
        shown["file"] = str(key_file)
        note = ""
    screen.show(shown, table(rows) + note)


def _find_key(settings: Settings, merchant: Row, key_id: str) -> Row:
    found = next((row for row in _keys_of(settings, merchant) if row["key_id"] == key_id), None)
    if found is None:
        raise Failure(
            "key_not_found",
            f"merchant {merchant['merchant_id']} has no key {key_id}",
            then=f"`payguard key list --merchant {merchant['merchant_id']}` shows those it has",
        )
    return found


def _keys_of(settings: Settings, merchant: Row) -> Sequence[Row]:
    reader = open_spanning_reader(settings.database)
    rows: list[Row] = []
    while page := queries.keys_of(reader, merchant, after=rows[-1]["key_id"] if rows else ""):
        rows += page
    return rows
