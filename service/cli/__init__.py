"""The command line: `payguard`. Loads the code of a command only when it is asked for."""

import importlib
from typing import Final, NamedTuple

import click
from typing_extensions import override


class Place(NamedTuple):
    """Where a command's code lies, and what `--help` says of it without loading it."""

    module: str
    name: str
    help: str


# In the order in which a newcomer meets them.
COMMANDS: Final = {
    "demo": Place("service.cli.demo", "demo", "Try everything: one process, sample keys, curls."),
    "serve": Place("service.cli.serve", "serve", "Run the service: front ends, writer, worker."),
    "migrate": Place("service.cli.migrate", "migrate", "Bring the database to this version."),
    "backup": Place("service.cli.backup", "backup", "Copy the store while the service runs."),
    "restore": Place("service.cli.restore", "restore", "Put a backup in the store's place."),
    "upgrade": Place("service.cli.upgrade", "upgrade", "Bring an older version's store to this."),
    "doctor": Place("service.cli.doctor", "doctor", "Look for what is wrong, say what to do."),
    "merchant": Place("service.cli.merchant", "merchant", "Create, set and suspend merchants."),
    "key": Place("service.cli.key", "key", "Create, rotate and revoke API keys."),
    "webhooks": Place(
        "service.cli.webhooks", "webhooks", "Webhook endpoints, and events as they come."
    ),
    "lists": Place("service.cli.lists", "lists", "Block, allow and watch lists of merchants."),
    "strategy": Place("service.cli.strategy", "strategy", "Check, activate and go back."),
    "model": Place("service.cli.model", "model", "Check, add and show models."),
    "challenger": Place(
        "service.cli.challenger.command", "challenger", "Learn models from the store's labels."
    ),
    "backtest": Place("service.cli.backtest.command", "backtest", "Try a strategy on history."),
    "train": Place("service.cli.train.command", "train", "Train a model on labelled payments."),
    "evaluate": Place(
        "service.cli.evaluate.command", "evaluate", "Measure the trainer by a protocol."
    ),
    "rules": Place("service.cli.rules", "rules", "Check files of rules and run their tests."),
    "replay": Place("service.cli.replay.command", "replay", "Send payments from a file."),
    "simulate": Place(
        "service.cli.simulate.command", "simulate_world", "Write a made-up world's payments."
    ),
    "features": Place("service.cli.features", "features", "Print what an entity's features are."),
    "audit": Place(
        "service.cli.audit", "audit", "The log of entries: checkpoints, verification, export."
    ),
    "trace": Place("service.cli.trace", "trace", "Print all that is stored of one payment."),
    "show": Place("service.cli.trace", "show", "Print a payment as it was at a sequence number."),
    "command": Place("service.cli.faulted", "command", "Look into commands that met a fault."),
}


class _Lazy(click.Group):
    """A group that imports a command when it is run or its own help is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        found = getattr(importlib.import_module(place.module), place.name)
        assert isinstance(found, click.Command)
        return found

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in COMMANDS.items()])


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `payguard demo`. Settings come from the environment: docs/settings.md.",
)
@click.version_option(package_name="payguard", message="payguard %(version)s")
def main() -> None:
    """Payguard decides how much proof a payment needs, and proves afterwards why."""
