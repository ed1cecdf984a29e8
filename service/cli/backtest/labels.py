"""What a file says its payments were, by its map, and since when that is known. Reads no file."""

from typing import Final

import numpy as np

from risk.offline.columns import ABSENT
from risk.offline.history import combined
from risk.offline.outcomes import INTENTS, Outcomes
from service.cli.backtest.fields import Ints, Values, coded
from service.cli.backtest.history import Loaded, seconds_of
from service.cli.replay.columns import columns_of, value_of
from service.cli.replay.labels import LabelMap

_NEVER: Final = -1


def outcomes_of(values: Values, label: LabelMap, loaded: Loaded) -> Outcomes:
    """Return what the payments of a history were; a row without a time of its label has none.

    Args:
        values: The file's columns.
        label: The map's table of labels.
        loaded: The history of the same file.
    """
    intent = _intents(values, label)[loaded.row]
    second = loaded.history.columns.second
    if label.known_after_s is not None:
        return Outcomes(intent, second + label.known_after_s)
    known = _known(values, str(label.known_at))[loaded.row]
    return Outcomes(np.where(known == _NEVER, ABSENT, intent), known)


def _known(values: Values, template: str) -> Ints:
    """Return when each row's label became known, -1 where no time is told."""
    names = columns_of(template)
    whole = values[names[0]] if names and template == f"{{{names[0]}}}" else None
    if isinstance(whole, np.ndarray):
        return seconds_of(whole, len(whole))
    rows, group = _different(values, names)
    told = [value_of(template, {name: values[name][row] for name in names}) for row in rows]
    return seconds_of(told, len(told))[group]


def _different(values: Values, names: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Return one row of each combination of values, and the place of each row's among them."""
    codes = [coded(values[name]).code for name in names]
    _, rows, group = np.unique(combined(codes), return_index=True, return_inverse=True)
    return rows, group.reshape(-1).astype(np.int64)


def _intents(values: Values, label: LabelMap) -> Ints:
    """Return the intent of each row of the file, made once for each different one."""
    names = columns_of(label.intent)
    rows, group = _different(values, names)
    told = [value_of(label.intent, {name: values[name][row] for name in names}) for row in rows]
    named = [label.intents.get(str(one)) for one in told]
    found = [ABSENT if one is None else INTENTS.index(one) for one in named]
    return np.array(found, np.int64)[group]
