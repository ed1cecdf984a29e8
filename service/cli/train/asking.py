"""What `payguard train` was asked for, as numbers; what a map must not say. Reads no file."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from risk.models.inputs import input_names
from risk.offline.data_check import check_columns
from risk.offline.history import History
from risk.offline.making import Asked, DataRefused
from risk.offline.outcomes import Outcomes
from risk.offline.split import Window
from risk.strategy import Strategy
from service.cli.screen import Failure
from service.cli.train.reading import Read


def check_map(read_in: Read) -> None:
    """Look at the names of the columns that facts are made of.

    Raises:
        DataRefused: One of them tells the outcome.
    """
    findings = check_columns(read_in.columns, read_in.label_columns)
    if findings:
        raise DataRefused(findings)


def check_preset(strategy: Strategy, preset: str) -> None:
    """Look whether a strategy has a preset.

    Raises:
        Failure: It has not.
    """
    if preset not in strategy.presets:
        raise Failure(
            "preset_unknown",
            f"strategy {strategy.id} has no preset {preset}",
            then=f"it has: {', '.join(sorted(strategy.presets))}",
        )


def asked_of(
    history: History,
    outcomes: Outcomes,
    strategy: Strategy,
    given: Mapping[str, Any],
    now: dt.datetime,
) -> Asked:
    """Return what is to be learnt from.

    Without --from it begins with the first payment; without --to it ends where labels have come.

    Args:
        history: Not empty.
        outcomes: What its payments were.
        strategy: Whose features a model may have.
        given: The options `since`, `until` and `at`.
        now: The instant of training where none is given.
    """
    second = history.columns.second
    trained_at = _second(given["at"] or now)
    ripe = min(int(second[-1]) + 1, trained_at - outcomes.pending(second))
    start = int(second[0]) if given["since"] is None else _second(given["since"])
    end = ripe if given["until"] is None else _second(given["until"])
    return Asked(Window(start, end), trained_at, input_names(strategy.features))


def _second(at: dt.datetime) -> int:
    aware = at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at
    return int(aware.timestamp())
