"""`payguard evaluate`: a protocol in; a table, JSON, and one HTML page with pictures out."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from risk.offline.split import DAY_S
from service.cli.evaluate.protocol import Protocol, data_file, read_protocol
from service.cli.screen import SOMETHING_FAILED, Failure, Screen, reporting
from service.cli.written import check_file, write_text

if TYPE_CHECKING:
    from risk.offline.outcomes import Outcomes
    from service.cli.train.reading import Read


@click.command()
@click.argument("protocol")
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="The file, or the folder in which the protocol's file is.",
)
@click.option("--html", type=click.Path(path_type=Path), help="Write the report into this file.")
@reporting
def evaluate(screen: Screen, protocol: str, **given: Any) -> int | None:
    """Train and measure by PROTOCOL: a TOML file, or the name of one that comes with Payguard.

    Each fold learns from its own weeks and is tried on later ones. Ends with status 1 where a goal
    of the protocol is missed or the page cannot be written. docs/evaluate.md says what each
    figure is.
    """
    from service.cli.evaluate.page import page_of
    from service.cli.evaluate.report import text_of

    asked = read_protocol(protocol)
    check_file(given["html"])
    found = measured(asked, data_file(asked, given["data"]), screen)
    screen.show(found, text_of(found))
    status = write_text(screen, given["html"], page_of(found))
    return status if found.is_met else SOMETHING_FAILED


def measured(asked: Protocol, file: Path, screen: Screen) -> Any:
    """Return what a protocol finds on a file.

    Raises:
        Failure: The file does not hold what the protocol asks for.
    """
    from risk.models.inputs import input_names
    from risk.offline.data_check import check_known
    from risk.offline.fold_check import check_folds
    from risk.offline.making import DataRefused, refuse
    from risk.offline.measures import NotMeasurable
    from risk.offline.train import GRID, engine
    from risk.offline.trial import Plan, TooFewFrauds, run
    from risk.strategy import load_strategy
    from service.cli.evaluate.measuring import Judge, found_of, why_no_costs
    from service.cli.evaluate.report import Source, made
    from service.cli.train.asking import check_map, check_preset
    from service.cli.train.command import refused
    from service.cli.train.reading import read

    strategy = load_strategy()
    check_preset(strategy, asked.preset)
    screen.note(f"reading {file}")
    read_in = read(file, asked.map, preset=asked.preset)
    second, outcomes = read_in.history.columns.second, known_by(asked, read_in)
    plan = Plan(
        folds=asked.folds,
        known_from=asked.known_from,
        names=None if asked.inputs == "book" else input_names(strategy.features),
        grid=asked.grid or GRID,
    )
    try:
        check_map(read_in)
        refuse(
            [*check_known(second, read_in.outcomes), *check_folds(second, outcomes, asked.folds)]
        )
        trials = run(read_in.history, outcomes, strategy, plan, screen.note)
        screen.note("measuring")
        no_costs = why_no_costs(trials, read_in.history, outcomes)
        judge = Judge(read_in.history, strategy, has_costs=not no_costs)
        found = [
            found_of(trial, judge, asked, seed=asked.seed + number)
            for number, trial in enumerate(trials)
        ]
    except DataRefused as error:
        raise refused(error) from error
    except (TooFewFrauds, NotMeasurable) as error:
        raise Failure(
            "fold_carries_no_model",
            f"a fold of {asked.name} cannot be measured: {error}",
            then="compare the protocol's days with the file's",
        ) from error
    source = Source(
        data_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        engine=engine(),
        feature_set=strategy.features.id,
        no_costs=no_costs,
    )
    return made(asked, source, found)


def known_by(asked: Protocol, read_in: "Read") -> "Outcomes":
    """Return what payments were, known after the protocol's delay or when the file says, if later.

    A delay that stands in a map is a supposition, and the protocol's takes its place.
    """
    second, told = read_in.history.columns.second, read_in.outcomes
    known = told.at_earliest if read_in.has_times else told.after
    return known(asked.label_delay_days * DAY_S, second)
