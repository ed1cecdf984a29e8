"""What a merchant's store teaches: inputs as judgements kept them, and what payments were."""

import datetime as dt
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from keys.sealing import Sealer
from risk.models.inputs import input_names, make_inputs
from risk.offline.columns import ABSENT
from risk.offline.making import Asked
from risk.offline.outcomes import INTENTS, Outcomes
from risk.offline.split import Window
from risk.offline.train import Examples
from risk.strategy import Strategy
from service.db.reader import Reader
from service.db.statements import Row, Statement
from service.rooms.assessments.queries.learning import kept
from service.rooms.labels.queries import LABELS_AFTER
from service.rooms.payments.queries import STOPPED_AFTER
from service.unit_of_work.commands import Mode

# Of the newest payments; learning from so many takes about a gigabyte.
ROWS_MAX: Final = 200_000
PAGE: Final = 5_000
UNSCORED: Final = -1

Owner = tuple[str, str, Mode]
Ints = npt.NDArray[np.int64]


class Lesson(NamedTuple):
    """What can be learnt from.

    Attributes:
        examples: Payments in the order of their times, with all inputs.
        outcomes: What each of them was, as far as anybody said it.
        scores: What each of them got when it was judged; `UNSCORED` for none.
    """

    examples: Examples
    outcomes: Outcomes
    scores: Ints

    def asked(self, trained_at: int) -> Asked:
        """Return what is learnt from: all payments whose labels have come by now."""
        second = self.examples.second
        end = trained_at - self.outcomes.pending(second)
        start = end
        if len(second):
            start, end = int(second[0]), min(int(second[-1]) + 1, end)
        return Asked(Window(start, end), trained_at, self.examples.names)


class _Payment(NamedTuple):
    second: int
    row: npt.NDArray[np.float32]
    score: int
    is_approved: bool


def read(
    reader: Reader,
    owner: Owner,
    strategy: Strategy,
    sealer: Sealer,
    *,
    now: dt.datetime,
    page: int = PAGE,
) -> Lesson:
    """Return what a merchant's store teaches.

    Args:
        reader: Of the whole store.
        owner: Tenant, merchant and mode.
        strategy: Whose features and presets are used; payments of other presets are left out.
        sealer: Opens feature vectors.
        now: The instant of training: what is later is not read.
        page: So many rows are read at a time.

    Raises:
        StoreUnavailable: The store cannot be read.
        keys.sealing.NotOpened: The root key is another one.
    """
    trained_at = int(now.timestamp())
    names = input_names(strategy.features)
    making = make_inputs(names, strategy.features)
    found: dict[str, _Payment] = {}
    for one in kept(reader, owner, sealer, feature_set=strategy.features.id, page=page):
        second = int(one.facts.occurred_at.timestamp())
        code = one.circumstances.preset
        if second > trained_at or code not in strategy.presets:
            continue
        preset = strategy.preset(code)
        row = making.row(one.facts, one.circumstances, preset, one.features)
        # Judged twice, a payment counts as it was judged first, which comes last here.
        score = UNSCORED if one.score is None else one.score
        found[one.payment_id] = _Payment(second, row, score, one.outcome == "approve")
        if len(found) == ROWS_MAX:
            break
    pages = _Pages(reader, owner, page)
    labels = [row for row in pages.of(LABELS_AFTER, "label_id") if row["known_at"] <= now]
    # Of one time as they were told; a second holds many times.
    labels.sort(key=lambda row: row["known_at"])
    stopped = {row["payment_id"] for row in pages.of(STOPPED_AFTER, "payment_id")}
    ids = _telling(found, labels, stopped)
    inputs = np.empty((len(ids), len(names)), np.float32)
    for place, one_id in enumerate(ids):
        inputs[place] = found[one_id].row
    second_of = np.array([found[one_id].second for one_id in ids], np.int64)
    return Lesson(
        Examples(inputs, names, second_of),
        _outcomes(labels, ids),
        np.array([found[one_id].score for one_id in ids], np.int64),
    )


def _telling(found: dict[str, _Payment], labels: list[Row], stopped: set[str]) -> list[str]:
    """Return the payments that teach something, by time.

    Learnt as normal, what we stopped ourselves would teach that it was harmless.
    """
    labelled = {row["payment_id"] for row in labels}
    told = (
        payment_id
        for payment_id, one in found.items()
        if payment_id in labelled or one.is_approved or payment_id not in stopped
    )
    return sorted(told, key=lambda payment_id: (found[payment_id].second, payment_id))


class _Pages(NamedTuple):
    """Rows of a merchant, so many read at a time."""

    reader: Reader
    owner: Owner
    page: int

    def of(self, statement: Statement, column: str) -> Iterator[Row]:
        """Yield what a statement reads, in the order of the column that it goes on by."""
        tenant_id, merchant_id, mode = self.owner
        named = {"tenant_id": tenant_id, "merchant_id": merchant_id, "mode": mode}
        after = ""
        while rows := self.reader.fetch(statement(**named, after=after, limit=self.page)):
            yield from rows
            after = rows[-1][column]


def _outcomes(labels: list[Row], ids: list[str]) -> Outcomes:
    """Return what payments were, by the label of each that became known last."""
    places = {one: place for place, one in enumerate(ids)}
    intent = np.full(len(ids), ABSENT, np.int64)
    known = np.zeros(len(ids), np.int64)
    for row in labels:
        place = places.get(row["payment_id"])
        at = int(row["known_at"].timestamp())
        if place is None or at < known[place]:
            continue
        intent[place] = INTENTS.index(row["intent"])
        known[place] = at
    return Outcomes(intent, known)
