"""A model's inputs over a whole history, for the rows asked: made entity by entity, kept small."""

from collections.abc import Container, Iterator, Sequence
from itertools import groupby
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from risk.feature import Feature, make_feature_set
from risk.offline.columns import ABSENT, MISSING, compute
from risk.offline.history import History, Told
from risk.offline.outcomes import Outcomes
from risk.offline.progress import Note, silent
from risk.strategy import Strategy

Ints = npt.NDArray[np.int64]
Inputs = npt.NDArray[np.float32]
# What `Columns.is_declined` holds of a payment of which nobody knows what was decided.
NOT_KNOWN: Final = -1


def taught(history: History, outcomes: Outcomes) -> History:
    """Return a history as a model may be taught by it: with labels, without our own decisions.

    A file says nothing of what was declined. Taken for approved, every payment would have a share
    of declines of 0, and a model would learn what is never true online.
    """
    columns = history.columns
    unknown = np.full(history.size, NOT_KNOWN, np.int64)
    labels = outcomes.labels(columns.second)
    return history._replace(columns=columns._replace(labels=labels, is_declined=unknown))


def matrix(
    history: History,
    strategy: Strategy,
    names: Sequence[str],
    rows: Ints,
    note: Note = silent,
) -> Inputs:
    """Return the inputs of rows, shape (rows, names); NaN where there is no value.

    Args:
        history: Every payment that came before the rows, and the rows, with the labels told.
        strategy: Whose features and preset they are.
        names: Features, and fields of rules that are numbers or flags.
        rows: Of the history.
        note: Is told which entity's features are being made.

    Raises:
        KeyError: A name is neither.
        ValueError: A field is a text.
    """
    found = np.empty((len(rows), len(names)), np.float32)
    place = {name: number for number, name in enumerate(names)}
    for name, values in _made(history, strategy, place, rows, note):
        found[:, place[name]] = np.where(values == MISSING, np.nan, values)
    told = Told(history, strategy)
    for name in names:
        if name not in strategy.features.names:
            found[:, place[name]] = _field(told, name)[rows]
    return found


def features_of(
    history: History, strategy: Strategy, names: Sequence[str], rows: Ints, note: Note = silent
) -> dict[str, Ints]:
    """Return features of rows as `compute` makes them, shape (rows,) each; `MISSING` for none."""
    return dict(_made(history, strategy, names, rows, note))


def _made(
    history: History, strategy: Strategy, names: Container[str], rows: Ints, note: Note
) -> Iterator[tuple[str, Ints]]:
    for entity, features in _by_entity(strategy, names):
        # Nothing names one of them, so that all rows would be taken for those of one entity.
        if np.all(history.columns.keys[features[0].entity] == ABSENT):
            yield from ((one.name, np.full(len(rows), MISSING, np.int64)) for one in features)
            continue
        note(f"features of {entity}: {len(features)}")
        for name, values in compute(history.columns, make_feature_set(features)).items():
            yield name, values[rows]


def _by_entity(strategy: Strategy, names: Container[str]) -> Iterator[tuple[str, list[Feature]]]:
    """Yield the features asked for, those of one entity together: they share its order of rows."""
    asked = [one for one in strategy.features.features if one.name in names]
    asked.sort(key=lambda one: one.entity)
    for entity, features in groupby(asked, key=lambda one: one.entity):
        yield str(entity), list(features)


def _field(told: Told, name: str) -> npt.NDArray[np.float64]:
    column: Any = told.column(name)
    if column.values.dtype == np.object_:
        raise ValueError(f"{name} is a text, and no input of a model")
    return np.where(column.is_absent | column.is_lost, np.nan, column.values.astype(np.float64))


def varied(inputs: Inputs) -> Ints:
    """Return which inputs have more than one value, a missing one counted as one."""
    missing = np.isnan(inputs)
    low = np.where(missing, np.inf, inputs).min(axis=0, initial=np.inf)
    high = np.where(missing, -np.inf, inputs).max(axis=0, initial=-np.inf)
    some = missing.any(axis=0) & ~missing.all(axis=0)
    return np.flatnonzero((high > low) | some)
