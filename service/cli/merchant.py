"""`payguard merchant`: creates, shows, sets and suspends merchants, by commands to the writer."""

import re
from collections.abc import Sequence
from typing import Any, Final, get_args

import click
import msgspec

from service.cli.environment import current_settings
from service.cli.screen import Failure, Screen, reporting, table
from service.cli.writers import ask, checked, house_call, merchant_call, writer_at_hand
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.money import EXPONENTS, Money
from service.rooms.merchants import model, queries
from service.rooms.merchants.contract import (
    CreateMerchant,
    Limits,
    Merchant,
    Preset,
    ResumeMerchant,
    ReviewMode,
    SetLimits,
    SetPreset,
    SetReviewMode,
    SuspendMerchant,
)
from service.settings import Settings
from service.unit_of_work.commands import Command

PRESETS: Final[tuple[str, ...]] = get_args(Preset)
REVIEW_MODES: Final[tuple[str, ...]] = get_args(ReviewMode)
NO_LIMIT: Final = "none"
# 5000.00:CNY, or none:CNY. As many digits as the largest amount has, and as the finest currency.
LIMIT: Final = re.compile(rf"(?:{NO_LIMIT}|([0-9]{{1,16}})(?:\.([0-9]{{1,4}}))?):([A-Z]{{3}})")


@click.group()
def merchant() -> None:
    """Create, show, set and suspend merchants."""


@merchant.command()
@click.option("--name", required=True, help="As people call it.")
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="judge_only",
    show_default=True,
    help="Rules on proof; judge_only asks for none (docs/policy.md).",
)
@click.option("--tenant", metavar="TENANT_ID", help="Network to join; else a tenant of its own.")
@reporting
def create(screen: Screen, name: str, preset: Preset, tenant: str | None) -> None:
    """Create a merchant. It needs a key next: `payguard key create`."""
    command = checked(CreateMerchant, name=name, preset=preset, tenant_id=tenant)
    with writer_at_hand(current_settings()) as submit:
        made = ask(submit, command, call=house_call()).read(Merchant)
    rows = [
        ("merchant", made.merchant_id),
        ("tenant", made.tenant_id),
        ("name", made.name),
        ("preset", made.preset),
    ]
    follow = f"next: payguard key create --merchant {made.merchant_id} --mode sandbox"
    screen.show(made, f"{table(rows)}\n\n{follow}")


@merchant.command(name="list")
@reporting
def list_merchants(screen: Screen) -> None:
    """List all merchants of all tenants."""
    settings = current_settings()
    found: list[Merchant] = []
    try:
        reader = open_spanning_reader(settings.database)
        while page := queries.merchants(reader, after=found[-1].merchant_id if found else ""):
            found += map(model.shown, page)
    except StoreUnavailable as error:
        raise _unusable(error) from error
    head = ("merchant", "tenant", "status", "preset", "review", "name")
    lines = [
        (one.merchant_id, one.tenant_id, one.status, one.preset, one.review_mode, one.name)
        for one in found
    ]
    screen.show(found, table([head, *lines]))


@merchant.command()
@click.argument("merchant_id")
@reporting
def show(screen: Screen, merchant_id: str) -> None:
    """Show how MERCHANT_ID is set."""
    _show(screen, model.shown(find_merchant(current_settings(), merchant_id)))


@merchant.command(name="set")
@click.argument("merchant_id")
@click.option("--preset", type=click.Choice(PRESETS), help="Rules on proof (docs/policy.md).")
@click.option(
    "--review-mode",
    type=click.Choice(REVIEW_MODES),
    help="What review stops: the payment before it goes on, or its capture.",
)
@click.option(
    "--limit",
    "limits",
    multiple=True,
    metavar="AMOUNT:CURRENCY",
    help="Without a score, up to here proof is asked for and above payments are held: "
    "5000.00:CNY, or none:CNY to have all held. Once for each currency.",
)
@click.option(
    "--small-limit",
    "small_limits",
    multiple=True,
    metavar="AMOUNT:CURRENCY",
    help="Without a score, up to here small payments go on without proof; lowers the preset's, "
    "never raises it; none:CNY leaves the preset's.",
)
@reporting
def set_merchant(screen: Screen, merchant_id: str, **told: Any) -> None:
    """Set what is named of MERCHANT_ID; what is not named stays as it is."""
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    commands = _settings_told(model.shown(row), **told)
    if not commands:
        raise Failure(
            "options_invalid", "nothing to set was named", then="see this command's --help"
        )
    _show(screen, _done(settings, row, commands))


@merchant.command()
@click.argument("merchant_id")
@click.option("--reason", required=True, help="Why; it goes into the audit log, name no person.")
@reporting
def suspend(screen: Screen, merchant_id: str, reason: str) -> None:
    """Stop MERCHANT_ID: none of its keys works until it is resumed."""
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    _show(screen, _done(settings, row, [checked(SuspendMerchant, reason=reason)]))


@merchant.command()
@click.argument("merchant_id")
@reporting
def resume(screen: Screen, merchant_id: str) -> None:
    """Let the keys of MERCHANT_ID work again."""
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    _show(screen, _done(settings, row, [ResumeMerchant()]))


def find_merchant(settings: Settings, merchant_id: str) -> Row:
    """Return a merchant's row, with its tenant.

    Raises:
        Failure: There is none, or the database cannot be read.
    """
    try:
        row = queries.merchant(open_spanning_reader(settings.database), merchant_id)
    except StoreUnavailable as error:
        raise _unusable(error) from error
    if row is None:
        raise Failure(
            "merchant_not_found",
            f"there is no merchant {merchant_id} in {settings.data_dir}",
            then="`payguard merchant create` makes one; PAYGUARD_DATA_DIR says where to look",
        )
    return row


def _unusable(error: StoreUnavailable) -> Failure:
    return Failure("database_unusable", str(error), then="`payguard doctor` looks for the cause")


def _settings_told(
    now: Merchant,
    *,
    preset: Preset | None,
    review_mode: ReviewMode | None,
    limits: Sequence[str],
    small_limits: Sequence[str],
) -> list[Command]:
    """Return the commands that set what was named."""
    commands: list[Command] = []
    if preset is not None:
        commands.append(checked(SetPreset, preset=preset))
    if review_mode is not None:
        commands.append(checked(SetReviewMode, review_mode=review_mode))
    # The command replaces the limits of all currencies, so those that were not named go along.
    kept = dict(now.limits)
    for field, texts in (("challenge_minor", limits), ("small_minor", small_limits)):
        for text in texts:
            currency, minor = _limit(text)
            kept[currency] = msgspec.structs.replace(kept.get(currency, Limits()), **{field: minor})
    if limits or small_limits:
        left = {currency: one for currency, one in kept.items() if one != Limits()}
        commands.append(checked(SetLimits, limits=msgspec.to_builtins(left)))
    return commands


def _limit(text: str) -> tuple[str, int | None]:
    """Return a limit's currency and its minor units, None for none."""
    found = LIMIT.fullmatch(text)
    exponent = None if found is None else EXPONENTS.get(found[3])
    if found is None or exponent is None or len(found[2] or "") > exponent:
        raise Failure(
            "options_invalid",
            f"{text!r} is no limit",
            then=f"write an amount and a currency, such as 5000.00:CNY, or {NO_LIMIT}:CNY",
        )
    if found[1] is None:
        return found[3], None
    return found[3], int(found[1] + (found[2] or "").ljust(exponent, "0"))


def _done(settings: Settings, row: Row, commands: Sequence[Command]) -> Merchant:
    """Return the merchant after the last of some commands, each committed by itself."""
    call = merchant_call(row["tenant_id"], row["merchant_id"], mode="live")
    done: list[Merchant] = []
    with writer_at_hand(settings) as submit:
        for command in commands:
            try:
                done.append(ask(submit, command, call=call).read(Merchant))
            except Failure as failure:
                if not done:
                    raise
                raise Failure(
                    failure.code,
                    f"only {len(done)} of {len(commands)} settings were set: {failure.what}",
                    then=f"`payguard merchant show {row['merchant_id']}` says what stands",
                    status=failure.status,
                ) from failure
    return done[-1]


def _show(screen: Screen, one: Merchant) -> None:
    rows = [
        ("merchant", one.merchant_id),
        ("tenant", one.tenant_id),
        ("name", one.name),
        ("status", one.status),
        ("preset", one.preset),
        ("review", one.review_mode),
        *(("limits", _limits_text(currency, one.limits[currency])) for currency in one.limits),
    ]
    screen.show(one, table(rows))


def _limits_text(currency: str, limits: Limits) -> str:
    parts = []
    if limits.challenge_minor is not None:
        parts.append(f"proof up to {Money(limits.challenge_minor, currency).text()}")
    if limits.small_minor is not None:
        parts.append(f"small up to {Money(limits.small_minor, currency).text()}")
    return ", ".join(parts)
