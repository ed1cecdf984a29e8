"""A file of labelled payments as a history with its outcomes. Does not judge what it reads."""

from pathlib import Path
from typing import Literal, NamedTuple

from risk.offline.history import History
from risk.offline.outcomes import Outcomes
from service.cli.backtest.history import load_history
from service.cli.backtest.labels import outcomes_of
from service.cli.replay.columns import load_map
from service.cli.replay.rows import open_table
from service.cli.screen import Failure


class Read(NamedTuple):
    """What a file holds.

    Attributes:
        columns: That facts of payments are made of.
        label_columns: That labels are made of.
        refused: How many rows are no payments.
        has_times: Whether the file says when each label became known; else the map does, of all.
        origin: Whether the payments are real or simulated, as the map says.
    """

    history: History
    outcomes: Outcomes
    columns: tuple[str, ...]
    label_columns: tuple[str, ...]
    refused: int
    has_times: bool
    origin: Literal["trained", "simulated"]


def read(file: Path, map_name: str, *, preset: str) -> Read:
    """Return the payments of a file with what became of them.

    Raises:
        Failure: It cannot be read, has no payments, or the map says nothing of labels.
    """
    columns = load_map(map_name)
    if columns.label is None:
        raise Failure(
            "map_without_labels",
            f"the map {map_name} does not say what payments turned out to be",
            then="give it a table [label]; docs/replay.md shows one",
        )
    table = open_table(file, (*columns.columns, *columns.label_columns))
    values = table.columns()
    loaded = load_history(values, columns, preset=preset)
    if not loaded.history.size:
        raise Failure(
            "no_payments",
            f"no row of {file} is a payment under this map",
            then="give a map of this file's columns with --map; docs/replay.md shows one",
        )
    return Read(
        history=loaded.history,
        outcomes=outcomes_of(values, columns.label, loaded),
        columns=columns.columns,
        label_columns=columns.label_columns,
        refused=loaded.refused,
        has_times=columns.label.known_at is not None,
        origin=columns.origin,
    )
