"""`payguard webhooks endpoints`, `deliveries`, `replay`: for a merchant, by commands to the writer.

A secret is shown by the command that makes it, once, or written to a file and not shown.
"""

import datetime as dt
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_args

import click
import msgspec

from keys import entropy
from keys.roots.file import RootRefused
from keys.webhooks import SigningKeys
from service.cli.database import require_root_key
from service.cli.environment import current_settings
from service.cli.merchant import find_merchant
from service.cli.screen import Failure, Screen, reporting, table
from service.cli.secret_files import kept
from service.cli.writers import ask, checked, merchant_call, writer_at_hand
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.kernel.ids import new_id
from service.rooms.webhooks import queries
from service.rooms.webhooks.contract import (
    KINDS,
    OVERLAP_S,
    OVERLAP_S_MAX,
    PAGE_MAX,
    CreateEndpoint,
    DeleteEndpoint,
    Delivery,
    DeliveryState,
    DisableEndpoint,
    EnableEndpoint,
    Endpoint,
    PageQuery,
    ReplayDeliveries,
    ReplayDelivery,
    Replayed,
    RotateSecret,
)
from service.rooms.webhooks.model import NewKeys, new_keys
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Call, Command, Mode

MODES: Final[tuple[str, ...]] = get_args(Mode)
STATES: Final[tuple[str, ...]] = get_args(DeliveryState)

AnyReply = TypeVar("AnyReply", bound=msgspec.Struct)


class Whose(NamedTuple):
    """Whose endpoints a command is about."""

    settings: Settings
    call: Call

    @property
    def owner(self) -> queries.Owner:
        """Tenant, merchant and mode."""
        return self.call.tenant_id, self.call.merchant_id, self.call.mode


def _owned(run: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say whose endpoint it is, and what they say as `whose`."""

    @click.option("--merchant", "merchant_id", required=True, metavar="MERCHANT_ID")
    @click.option("--mode", type=click.Choice(MODES), default="sandbox", show_default=True)
    @functools.wraps(run)
    def command(screen: Screen, *, merchant_id: str, mode: Mode, **options: Any) -> None:
        settings = current_settings()
        row = find_merchant(settings, merchant_id)
        call = merchant_call(row["tenant_id"], merchant_id, mode=mode)
        run(screen, whose=Whose(settings, call), **options)

    return command


_secret_file = click.option(
    "--secret-file",
    type=click.Path(path_type=Path),
    help="Write the secret to this new file, for its owner only, and do not print it.",
)


@click.group()
def endpoints() -> None:
    """Create, list, rotate, stop and delete webhook endpoints."""


@endpoints.command()
@click.option("--url", required=True, help="https; in the sandbox also this machine, by http.")
@click.option("--description", default="", help="For people.")
@click.option("--kinds", default="", help=f"With commas: {', '.join(KINDS)}. Else all.")
@_secret_file
@reporting
@_owned
def create(
    screen: Screen,
    whose: Whose,
    url: str,
    description: str,
    kinds: str,
    secret_file: Path | None,
) -> None:
    """Name an address that is told what happens. Its secret is shown this once."""
    keys = _new_keys(whose)
    command = checked(
        CreateEndpoint,
        url=url,
        description=description,
        kinds=tuple(one.strip() for one in kinds.split(",") if one.strip()),
        **keys.sealed,
    )
    with kept(secret_file, keys.text, code="secret_file_unusable"):
        made = _ask(whose, command, Endpoint)
    _show_new(screen, made, keys, secret_file)


@endpoints.command(name="list")
@reporting
@_owned
def list_endpoints(screen: Screen, whose: Whose) -> None:
    """List a merchant's endpoints, without their secrets."""
    try:
        reader = open_spanning_reader(whose.settings.database)
        found = queries.endpoints(reader, whose.owner, now=SystemClock().now())
    except StoreUnavailable as error:
        raise _unreadable(error) from error
    head = ("endpoint", "state", "failing since", "kinds", "url")
    lines = [
        (
            one.id,
            one.state if one.disabled_because is None else f"{one.state} ({one.disabled_because})",
            _time(one.failing_since),
            " ".join(one.kinds) or "all",
            one.url,
        )
        for one in found
    ]
    screen.show(found, table([head, *lines]))


@endpoints.command()
@click.argument("endpoint_id")
@click.option(
    "--overlap-s",
    type=click.IntRange(0, OVERLAP_S_MAX),
    default=OVERLAP_S,
    show_default=True,
    help="How long the old keys sign beside the new ones.",
)
@_secret_file
@reporting
@_owned
def rotate(
    screen: Screen,
    endpoint_id: str,
    whose: Whose,
    overlap_s: int,
    secret_file: Path | None,
) -> None:
    """Give ENDPOINT_ID new keys; each delivery is signed with old and new for a while."""
    keys = _new_keys(whose)
    command = checked(RotateSecret, endpoint_id=endpoint_id, overlap_s=overlap_s, **keys.sealed)
    with kept(secret_file, keys.text, code="secret_file_unusable"):
        made = _ask(whose, command, Endpoint)
    _show_new(screen, made, keys, secret_file)


@endpoints.command()
@click.argument("endpoint_id")
@reporting
@_owned
def disable(screen: Screen, endpoint_id: str, whose: Whose) -> None:
    """Stop ENDPOINT_ID's deliveries; what happens meanwhile can be replayed."""
    done = _ask(whose, checked(DisableEndpoint, endpoint_id=endpoint_id), Endpoint)
    screen.show(done, f"{endpoint_id} gets nothing more")


@endpoints.command()
@click.argument("endpoint_id")
@reporting
@_owned
def enable(screen: Screen, endpoint_id: str, whose: Whose) -> None:
    """Let ENDPOINT_ID get deliveries again."""
    done = _ask(whose, checked(EnableEndpoint, endpoint_id=endpoint_id), Endpoint)
    screen.show(done, f"{endpoint_id} gets deliveries again")


@endpoints.command()
@click.argument("endpoint_id")
@reporting
@_owned
def delete(screen: Screen, endpoint_id: str, whose: Whose) -> None:
    """Forget ENDPOINT_ID and destroy its keys."""
    done = _ask(whose, checked(DeleteEndpoint, endpoint_id=endpoint_id), Endpoint)
    screen.show(done, f"{endpoint_id} is deleted, its keys are destroyed")


@click.command()
@click.argument("endpoint_id")
@click.option("--state", type=click.Choice(STATES), help="Only these.")
@click.option("--limit", type=click.IntRange(1, PAGE_MAX), default=20, show_default=True)
@reporting
@_owned
def deliveries(
    screen: Screen,
    endpoint_id: str,
    whose: Whose,
    state: DeliveryState | None,
    limit: int,
) -> None:
    """Show what became of ENDPOINT_ID's newest deliveries."""
    query = PageQuery(state=state, limit=limit)
    read = queries.page(query, owner=whose.owner, endpoint_id=endpoint_id, last=None)
    try:
        reader = open_spanning_reader(whose.settings.database)
        if queries.endpoint(reader, whose.owner, endpoint_id, now=SystemClock().now()) is None:
            raise Failure(
                "webhook_endpoint_not_found",
                f"the merchant has no endpoint {endpoint_id} in mode {whose.call.mode}",
                then="`payguard webhooks endpoints list` shows those it has",
            )
        rows = reader.fetch(read)
    except StoreUnavailable as error:
        raise _unreadable(error) from error
    found = [queries.delivery(row) for row in rows[:limit]]
    head = ("delivery", "state", "attempts", "last", "next attempt", "subject", "event")
    screen.show(found, table([head, *map(_line, found)]))


@click.command()
@click.argument("subject")
@click.option("--from", "created_from", help="Of an endpoint: from when, RFC 3339. Else 3 days.")
@click.option("--to", "created_to", help="Of an endpoint: until when. Else until now.")
@reporting
@_owned
def replay(
    screen: Screen,
    subject: str,
    whose: Whose,
    created_from: str | None,
    created_to: str | None,
) -> None:
    """Send again: the delivery SUBJECT (whd_...), or those of the endpoint SUBJECT (whe_...)."""
    if subject.startswith("whd_"):
        command = checked(ReplayDelivery, delivery_id=subject)
        done = _ask(whose, command, Delivery)
        screen.show(done, f"{subject} is in line again")
        return
    count, since = 0, created_from
    while True:
        step = checked(
            ReplayDeliveries, endpoint_id=subject, created_from=since, created_to=created_to
        )
        told = _ask(whose, step, Replayed)
        count += told.count
        if told.next_created_from is None:
            break
        since = told.next_created_from.isoformat()
    screen.show({"count": count}, f"{count} deliveries are in line again")


def _ask(whose: Whose, command: Command, kind: type[AnyReply]) -> AnyReply:
    with writer_at_hand(whose.settings) as submit:
        return ask(submit, command, call=whose.call).read(kind)


def _new_keys(whose: Whose) -> NewKeys:
    settings, call = whose
    require_root_key(settings)
    try:
        secrets = open_secrets(settings.root_file, entropy.system)
    except RootRefused as error:
        raise Failure(
            "root_key_unusable", str(error), then="`payguard doctor` looks at it"
        ) from error
    secret_id = new_id("whs", now=SystemClock().now(), entropy=entropy.system)
    return new_keys(
        SigningKeys.generate(entropy.system),
        place=(call.tenant_id, call.merchant_id, call.mode, secret_id),
        sealer=secrets.sealer,
        entropy=entropy.system,
    )


def _show_new(screen: Screen, made: Endpoint, keys: NewKeys, secret_file: Path | None) -> None:
    rows = [
        ("endpoint", made.id),
        ("url", made.url),
        ("kinds", " ".join(made.kinds) or "all"),
        ("public key", made.public_keys[0].public_key),
    ]
    shown: dict[str, Any] = {"endpoint": made}
    if secret_file is None:
        rows.append(("secret", keys.text))
        shown["secret"] = keys.text
        note = "\n\nKeep the secret now: it is not shown again."
    else:
        rows.append(("file", str(secret_file)))
        shown["file"] = str(secret_file)
        note = ""
    screen.show(shown, table(rows) + note)


def _line(one: Delivery) -> tuple[str, ...]:
    last = "-" if one.last_cause is None else f"{one.last_cause} {one.last_status or ''}".strip()
    return (
        *(one.id, one.state, str(one.attempts), last),
        *(_time(one.next_attempt_at), one.subject, one.event_id),
    )


def _time(at: dt.datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _unreadable(error: StoreUnavailable) -> Failure:
    return Failure("database_unusable", str(error), then="`payguard doctor` looks for the cause")
