"""`payguard simulate`: a made-up world's payments and labels, written to a file."""

import datetime as dt
from pathlib import Path
from typing import Any, Final

import click

from risk.simulation.shapes import read_world
from risk.simulation.stream import (
    DAYS_MAX,
    FRAUD_MAX,
    PAYERS_MAX,
    START_MAX,
    START_MIN,
    Plan,
    simulate,
)
from service.cli.screen import Screen, reporting, table
from service.cli.simulate.files import Written, write_world, writer_for

SEED_MAX: Final = 2**32
# A Monday, so that the world's weeks begin where a calendar's do.
START: Final = dt.date(2026, 1, 5)


def _in_range(_context: click.Context, _option: click.Parameter, at: dt.datetime) -> dt.date:
    if not START_MIN <= at.date() <= START_MAX:
        raise click.BadParameter(f"it is a day from {START_MIN} to {START_MAX}")
    return at.date()


@click.command()
@click.option("--seed", type=click.IntRange(0, SEED_MAX), default=1, show_default=True)
@click.option("--days", type=click.IntRange(1, DAYS_MAX), default=60, show_default=True)
@click.option("--payers", type=click.IntRange(1, PAYERS_MAX), default=1_000, show_default=True)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    default=START.isoformat(),
    show_default=True,
    callback=_in_range,
    help=f"The first day, {START_MIN} to {START_MAX}.",
)
@click.option(
    "--fraud",
    type=click.FloatRange(0, FRAUD_MAX),
    default=1.0,
    show_default=True,
    help="So many times as much fraud as the world has, which is about 0.6 % of its payments.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="A new file, .csv or .parquet (which needs the extra `data`).",
)
@reporting
def simulate_world(screen: Screen, **given: Any) -> None:
    """Write the payments and labels of a made-up world to a file.

    `payguard replay`, `train`, `evaluate` and `backtest` read it with `--map simulated`. The same
    seed and options give the same payments, byte for byte. Nothing in it happened to anybody, and
    a model that learnt from it is for trying things out.
    """
    out: Path = given["out"]
    writer_for(out)
    plan = Plan(
        seed=given["seed"],
        start=given["start"],
        days=given["days"],
        payers=given["payers"],
        fraud=given["fraud"],
    )
    screen.note(f"{plan.payers:,} payers for {plan.days:,} days, seed {plan.seed}")
    written = write_world(simulate(read_world(), plan), out)
    screen.show(written, _text(written))


def _text(written: Written) -> str:
    def counts(found: dict[str, int]) -> str:
        return ", ".join(f"{count:,} {name}" for name, count in found.items()) or "none"

    return table(
        [
            ("written", f"{written.payments:,} payments to {written.file}"),
            ("scenarios", counts(written.by_scenario)),
            ("labels", counts(written.labelled)),
            ("read it", f"payguard replay {written.file} --map simulated --url ... --key-file ..."),
        ]
    )
