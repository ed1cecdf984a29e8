"""A trainer tried by a protocol: each fold learns from its own weeks and is tried on later ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.cold_start import names_read
from risk.offline.book import book_features
from risk.offline.cold_start import unlike_of_rows
from risk.offline.data_check import check_inputs
from risk.offline.evaluate import Tested
from risk.offline.examples import features_of, matrix, taught, varied
from risk.offline.history import History
from risk.offline.making import refuse
from risk.offline.outcomes import Outcomes
from risk.offline.progress import Note, silent
from risk.offline.split import Fold, test_rows
from risk.offline.train import FRAUDS_MIN, GRID, Examples, Recipe, TrainedHead, train_head
from risk.strategy import Strategy

Ints = npt.NDArray[np.int64]
Inputs = npt.NDArray[np.float32]


class TooFewFrauds(ValueError):  # noqa: N818  says what the fold lacks
    """The payments of a fold carry no model."""


class Plan(NamedTuple):
    """What is tried.

    Attributes:
        folds: In any order.
        known_from: For each fold, since when fraud makes a payer known, see `test_rows`.
        names: Of the inputs; None takes the handbook's own features.
        grid: Recipes that validation chooses from.
    """

    folds: tuple[Fold, ...]
    known_from: tuple[int, ...]
    names: tuple[str, ...] | None
    grid: Sequence[Recipe] = GRID


class Trial(NamedTuple):
    """One fold.

    Attributes:
        tested: With probabilities.
        head: What was trained.
        rows: Learnt from.
        test: Rows of the history that were tried.
        unlike: What the cold start says of them, which needs no label; None beside book features.
    """

    tested: Tested
    head: TrainedHead
    rows: int
    test: Ints
    unlike: Ints | None


class Prepared(NamedTuple):
    """Inputs of all rows that any fold learns from or is tried on.

    Attributes:
        rows: Of the history, rising.
        inputs: Shape (rows, names).
        unlike: Score of the cold start, by row.
    """

    rows: Ints
    inputs: Inputs
    names: tuple[str, ...]
    unlike: Ints | None = None

    def of(self, rows: Ints) -> Inputs:
        """Return the inputs of some of the rows."""
        return self.inputs[self.places(rows)]

    def places(self, rows: Ints) -> Ints:
        """Return where some of the rows stand."""
        return np.searchsorted(self.rows, rows)


def run(
    history: History,
    outcomes: Outcomes,
    strategy: Strategy,
    plan: Plan,
    note: Note = silent,
) -> list[Trial]:
    """Return what each fold's model says of the payments it is tried on.

    Args:
        history: All payments; its labels are replaced by the outcomes.
        outcomes: What they were, and since when that is known.
        strategy: Whose features and preset are used.
        plan: What is tried.
        note: Is told what is being done.

    Raises:
        TooFewFrauds: A fold carries no model.
        DataRefused: A fold would teach something else than what payments turn out to be.
        NotMeasurable: A fold's payments hold no fraud, or nothing else.
    """
    tests = [_test(history, outcomes, plan, number) for number in range(len(plan.folds))]
    learnt = [fold.train.rows(history.columns.second) for fold in plan.folds]
    prepared = _prepare(history, outcomes, strategy, plan, [*learnt, *tests], note)
    found = []
    for number, (rows, test) in enumerate(zip(learnt, tests, strict=True), start=1):
        note(f"fold {number} of {len(tests)}: {len(rows):,} payments to learn from")
        known = outcomes.until(plan.folds[number - 1].test.start)
        head = _train(prepared, rows, known, history, plan, note)
        tested = Tested(
            probability=head.calibration(head.margins(prepared.of(test))),
            fraud=outcomes.fraud[test],
            payer=history.columns.keys["payer"][test],
            second=history.columns.second[test],
            amount_minor=history.columns.amount_minor[test],
        )
        unlike = None if prepared.unlike is None else prepared.unlike[prepared.places(test)]
        found.append(Trial(tested, head, len(rows), test, unlike))
    return found


def _test(history: History, outcomes: Outcomes, plan: Plan, number: int) -> Ints:
    columns = history.columns
    return test_rows(
        plan.folds[number],
        second=columns.second,
        payer=columns.keys["payer"],
        fraud=outcomes.fraud,
        known_from=plan.known_from[number],
    )


def _prepare(
    history: History,
    outcomes: Outcomes,
    strategy: Strategy,
    plan: Plan,
    parts: Sequence[Ints],
    note: Note,
) -> Prepared:
    rows = np.unique(np.concatenate(parts))
    columns = history.columns
    if plan.names is None:
        book: dict[str, Any] = book_features(columns, outcomes.fraud)
        made = np.stack([one[rows] for one in book.values()], axis=1).astype(np.float32)
        return Prepared(rows, made, tuple(book))
    told = taught(history, outcomes)
    made = matrix(told, strategy, plan.names, rows, note)
    kept = varied(made)
    cold = features_of(told, strategy, names_read(strategy.cold_start), rows, note)
    unlike = unlike_of_rows(strategy.cold_start, cold, columns.amount_minor[rows]).score
    names = tuple(plan.names[place] for place in kept)
    return Prepared(rows, made[:, kept], names, unlike)


def _train(
    prepared: Prepared,
    rows: Ints,
    known: Outcomes,
    history: History,
    plan: Plan,
    note: Note,
) -> TrainedHead:
    second, of_rows = history.columns.second, known.of_rows(rows)
    since = known.since(second)[rows]
    examples = Examples(prepared.of(rows), prepared.names, second[rows], since)
    fraud = of_rows.fraud
    if fraud.sum() >= FRAUDS_MIN:
        refuse(check_inputs(examples, of_rows))
    head = train_head(examples, fraud, grid=plan.grid, note=note)
    if head is None:
        raise TooFewFrauds(f"{int(fraud.sum())} frauds among {len(rows):,} payments")
    return head
