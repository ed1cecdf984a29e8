"""`payguard backtest`: reads a file, judges it under two strategies, shows what would change."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import numpy.typing as npt

from risk.feature import FeatureSet
from risk.models.manifest import NotAModel
from risk.offline.backtest import NotSettled, try_strategy
from risk.scored import Scorer
from risk.strategy import Strategy
from service.cli.backtest.fields import Fields
from service.cli.backtest.history import Loaded, labelled, load_history
from service.cli.backtest.listed import NOBODY, Entries, Names, listed, read_entries
from service.cli.backtest.report import Listed, Report, Rows, compare, text_of
from service.cli.environment import current_settings
from service.cli.merchant import find_merchant
from service.cli.picture import bars
from service.cli.pseudonyms import pseudonym_key
from service.cli.replay.columns import RowRefused, load_map
from service.cli.replay.rows import open_table
from service.cli.screen import Failure, Screen, reporting
from service.cli.strategy_folder import deciding, read_folder
from service.cli.written import check_file, write_text
from service.kernel.clock import SystemClock

if TYPE_CHECKING:
    from risk.offline.batches import BatchScorer

# What a column says of a payment that was fraud, however a file writes it.
FRAUD = frozenset({"1", "true", "yes", "fraud"})


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--strategy",
    "folder",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the strategy to try.",
)
@click.option(
    "--map",
    "map_name",
    default="handbook",
    show_default=True,
    help="Column map: a TOML file, or the name of one that comes with Payguard.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    type=click.Path(path_type=Path),
    help="File of a model that one of the strategies names; may be given twice.",
)
@click.option("--preset", default="CN", show_default=True, help="Preset of the merchant.")
@click.option(
    "--lists",
    type=click.Path(path_type=Path),
    help="File of list entries, as `payguard lists export` writes it.",
)
@click.option(
    "--merchant",
    metavar="MERCHANT_ID",
    help="Whose lists they are; by its tenant's key contacts and networks are looked up.",
)
@click.option("--label", help="Column that says which payments were fraud, if not the map's.")
@click.option("--svg", type=click.Path(path_type=Path), help="Draw the outcomes into this file.")
@reporting
def backtest(screen: Screen, **given: Any) -> int:
    """Judge the payments of FILE (parquet or CSV) as they were, under another strategy.

    Compares with the strategy in force, or with the one that comes with Payguard where none is
    yet. Nothing is sent, stored or executed. docs/backtest.md says what history cannot tell.
    """
    check_file(given["svg"])
    after, before = read_folder(given["folder"]).strategy, deciding(current_settings()).strategy
    for one in (before, after):
        if given["preset"] not in one.presets:
            raise Failure(
                "preset_unknown",
                f"strategy {one.id} has no preset {given['preset']}",
                then=f"it has: {', '.join(sorted(one.presets))}",
            )
    scorers = _scorers((before, after), given["models"])
    names = _names(given)
    entries = None if given["lists"] is None else read_entries(given["lists"], names)
    clock = SystemClock()
    started_ns = clock.monotonic_ns()
    loaded, fraud = _read(given, entries)
    try:
        tried = [
            try_strategy(loaded.history, one, scorer)
            for one, scorer in zip((before, after), scorers, strict=True)
        ]
    except RowRefused as error:
        raise Failure(
            "row_refused", f"a row is no payment: {error}", then="see docs/replay.md for maps"
        ) from error
    except NotSettled as error:
        raise Failure(
            "not_settled", str(error), then="let no rule read how much was declined before"
        ) from error
    rows = Rows(
        preset=given["preset"],
        refused=loaded.refused,
        rounded=loaded.rounded,
        lists=None if entries is None else _lists(entries),
    )
    report = compare(tried[0], tried[1], rows, fraud)
    seconds = (clock.monotonic_ns() - started_ns) / 1e9
    screen.note(f"{2 * report.payments / max(seconds, 1e-9):,.0f} judgements a second, all in")
    screen.show(report, text_of(report))
    return write_text(screen, given["svg"], _drawn(report))


def _scorers(strategies: Sequence[Strategy], files: Sequence[Path]) -> list[Scorer | None]:
    """Return the scorer of each strategy that has a model; its file has to be given."""
    opened = [_opened(file, strategies[0].features) for file in files]
    found = {one.model: one for one in opened}
    for one in strategies:
        if one.model is not None and one.model.sha256 not in found:
            raise Failure(
                "model_missing",
                f"strategy {one.id} is judged by model {one.model.sha256}",
                then="give its file with --model",
            )
    return [None if one.model is None else found[one.model.sha256] for one in strategies]


def _opened(file: Path, features: FeatureSet) -> "BatchScorer":
    from risk.offline.batches import BatchScorer

    try:
        return BatchScorer(file.read_bytes(), features)
    except OSError as error:
        raise Failure(
            "file_unreadable",
            f"{file} cannot be read: {error.strerror or error}",
            then="give the path of a model's file that this user may read",
        ) from error
    except NotAModel as error:
        raise Failure(
            "model_invalid",
            f"{file} is no model for this software: {error}",
            then="`payguard train` writes one",
        ) from error


def _names(given: dict[str, Any]) -> Names:
    """Return by which contacts are looked up: a merchant's tenant's key, or nobody's."""
    merchant_id: str | None = given["merchant"]
    if merchant_id is None:
        return NOBODY
    settings = current_settings()
    row = find_merchant(settings, merchant_id)
    return Names(pseudonym_key(settings), row["tenant_id"], is_known=True)


def _lists(entries: Entries) -> Listed:
    return Listed(entries=len(entries.kept), unknown=entries.unknown)


def _read(
    given: dict[str, Any], entries: Entries | None
) -> tuple[Loaded, npt.NDArray[np.bool_] | None]:
    columns = load_map(given["map_name"])
    label: str | None = given["label"]
    wanted = dict.fromkeys([*columns.columns, *([label] if label else [])])
    table = open_table(given["file"], tuple(wanted), () if label else columns.label_columns)
    values = table.columns()
    loaded = load_history(values, columns, preset=given["preset"])
    if not loaded.history.size:
        raise Failure(
            "no_payments",
            f"no row of {given['file']} is a payment under this map",
            then="give a map of this file's columns with --map; docs/replay.md shows one",
        )
    if entries is not None:
        fields = Fields(values, columns, len(next(iter(values.values()))))
        matched = listed(fields, loaded.row, entries)
        loaded = loaded._replace(history=loaded.history._replace(listed=matched))
    if label is not None:
        said = (str(one).strip().lower() in FRAUD for one in values[label])
        return loaded, np.fromiter(said, np.bool_)[loaded.row]
    if columns.label is None or not table.has_more:
        return loaded, None
    return loaded, labelled(values, columns.label)[loaded.row]


def _drawn(report: Report) -> str:
    found = {name: (one.before, one.after) for name, one in report.outcomes.items()}
    title = f"{report.payments:,} payments, {report.changed:,} of which end otherwise"
    series = (f"before: {report.before}", f"after: {report.after}")
    return bars(title, series, found)
