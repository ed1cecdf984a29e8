"""`payguard merchant`: creates merchants, by a command to the writer like everyone's."""

from typing import Final, get_args

import click

from service.cli.environment import current_settings
from service.cli.screen import Failure, Screen, reporting, table
from service.cli.writers import ask, checked, house_call, writer_at_hand
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.rooms.merchants import queries
from service.rooms.merchants.contract import CreateMerchant, Merchant, Preset
from service.settings import Settings

PRESETS: Final[tuple[str, ...]] = get_args(Preset)


@click.group()
def merchant() -> None:
    """Create merchants."""


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


def find_merchant(settings: Settings, merchant_id: str) -> Row:
    """Return a merchant's row, with its tenant.

    Raises:
        Failure: There is none, or the database cannot be read.
    """
    try:
        row = queries.merchant(open_spanning_reader(settings.database), merchant_id)
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error
    if row is None:
        raise Failure(
            "merchant_not_found",
            f"there is no merchant {merchant_id} in {settings.data_dir}",
            then="`payguard merchant create` makes one; PAYGUARD_DATA_DIR says where to look",
        )
    return row
