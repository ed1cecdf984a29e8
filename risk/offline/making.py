"""From a history with labels to a model's file: checked, learnt, packed. Touches no file itself."""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.models.manifest import GOLDEN_ROWS, HEADS, Calibration, HeadName, Trained
from risk.models.model import About, make_model
from risk.models.model import TrainedHead as Packed
from risk.offline.data_check import (
    Finding,
    Material,
    check_inputs,
    check_labels,
    check_times,
)
from risk.offline.examples import matrix, taught, varied
from risk.offline.history import EPOCH, History
from risk.offline.outcomes import INTENTS, Outcomes
from risk.offline.progress import Note, silent
from risk.offline.split import Window
from risk.offline.train import FRAUDS_MIN, Examples, TrainedHead, engine, train_head
from risk.strategy import Strategy

Ints = npt.NDArray[np.int64]
Inputs = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
# What nobody labelled is learnt as normal; it has a lower number.
NORMAL: Final = INTENTS.index("normal")
# Golden rows show what is made of a missing value: of every row one input in so many is taken out.
MISSING_STEP: Final = 11
# Why labels of one kind carry no head.
FEW: Final = f"fewer than {FRAUDS_MIN}"
ONE_SIDED: Final = "which lie in one part of the time alone"
UPSIDE_DOWN: Final = "which its trees rank no better than chance"


class DataRefused(ValueError):  # noqa: N818  says what is wrong with the data
    """Nothing is learnt from such data.

    Attributes:
        findings: What was found, at least one.
    """

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("; ".join(one.what for one in findings))
        self.findings = findings


class Asked(NamedTuple):
    """What is to be learnt from.

    Attributes:
        window: Whose payments.
        trained_at: Whole seconds since 1970; no label that became known later is used.
        names: Of the inputs that a model may have.
    """

    window: Window
    trained_at: int
    names: tuple[str, ...]


class Learnt(NamedTuple):
    """What was learnt.

    Attributes:
        examples: Learnt from, with the inputs that have more than one value.
        intents: What each of them was, as was known at the instant of training.
        heads: Those that labels carry.
        frauds: How many payments of each kind there were.
    """

    window: Window
    examples: Examples
    intents: Ints
    heads: dict[HeadName, TrainedHead]
    frauds: dict[HeadName, int]

    @property
    def sha256(self) -> str:
        """Hash of what was learnt from: inputs row by row, times, and what the rows were."""
        digest = hashlib.sha256(np.ascontiguousarray(self.examples.inputs, "<f4").tobytes())
        digest.update(np.ascontiguousarray(self.examples.second, "<i8").tobytes())
        digest.update(np.ascontiguousarray(self.intents, "<i8").tobytes())
        return digest.hexdigest()


class Named(NamedTuple):
    """What is said of a model besides what it learnt.

    Attributes:
        origin: Whether its payments were real or simulated.
    """

    name: str
    origin: Literal["trained", "simulated"]
    created_at: dt.datetime


def learn(
    history: History, outcomes: Outcomes, strategy: Strategy, asked: Asked, note: Note = silent
) -> Learnt:
    """Return the heads that the labels of a history carry.

    Args:
        history: All payments before the window's end, and perhaps more.
        outcomes: What they were, and since when that is known.
        strategy: Whose features and preset are used.
        asked: What is to be learnt from.
        note: Is told what is being done.

    Raises:
        DataRefused: The data would teach something else than what payments turn out to be.
    """
    second = history.columns.second
    material = Material(second, outcomes, asked.window, asked.trained_at)
    note("checking times and labels")
    refuse([*check_times(material), *check_labels(material)])
    known = outcomes.until(asked.trained_at)
    rows = asked.window.rows(second)
    made = matrix(taught(history, known), strategy, asked.names, rows, note)
    examples = Examples(made, asked.names, second[rows], known.since(second)[rows])
    return _learnt(examples, known.of_rows(rows), asked, note)


def learn_from(examples: Examples, outcomes: Outcomes, asked: Asked, note: Note = silent) -> Learnt:
    """Return the heads that labels carry, of inputs that are at hand: as judgements kept them.

    The same checks and the same trainer as `learn`, which makes its inputs from a history.

    Args:
        examples: Payments with all of their inputs; since when labels are known is not read.
        outcomes: What they were, and since when that is known; one row for each of them.
        asked: What is to be learnt from; its names are those of the examples.
        note: Is told what is being done.

    Raises:
        DataRefused: The data would teach something else than what payments turn out to be.
    """
    assert asked.names == examples.names
    note("checking times and labels")
    material = Material(examples.second, outcomes, asked.window, asked.trained_at)
    refuse([*check_times(material), *check_labels(material)])
    known = outcomes.until(asked.trained_at)
    rows = asked.window.rows(examples.second)
    since = known.since(examples.second)
    at_hand = examples._replace(known=since).of_rows(rows)
    return _learnt(at_hand, known.of_rows(rows), asked, note)


def _learnt(examples: Examples, known: Outcomes, asked: Asked, note: Note) -> Learnt:
    """Return what rows of the window teach; an input that never varies tells nothing."""
    kept = varied(examples.inputs)
    names = tuple(examples.names[place] for place in kept)
    told = examples._replace(inputs=examples.inputs[:, kept], names=names)
    note("checking inputs")
    refuse(check_inputs(told, known))
    return Learnt(asked.window, told, known.intent, *_heads(told, known, note))


def _heads(
    examples: Examples, known: Outcomes, note: Note
) -> tuple[dict[HeadName, TrainedHead], dict[HeadName, int]]:
    found: dict[HeadName, TrainedHead] = {}
    counts: dict[HeadName, int] = {}
    why_not: dict[HeadName, str] = {}
    for name in HEADS:
        used, own = known.told_apart(name)
        counts[name] = int(own.sum())
        note(f"head {name}: {counts[name]} frauds")
        head = train_head(examples.of_rows(used), own, note=note)
        if head is not None and head.calibration.a > 0.0:
            found[name] = head
        elif counts[name] < FRAUDS_MIN:
            why_not[name] = FEW
        else:
            why_not[name] = ONE_SIDED if head is None else UPSIDE_DOWN
    if not found:
        raise DataRefused([_headless(counts, why_not)])
    return found, counts


def _headless(counts: Mapping[HeadName, int], why_not: Mapping[HeadName, str]) -> Finding:
    """Return what is said where no kind of fraud carries a head, each for its own reason."""
    what = "; ".join(f"{counts[name]} {name}, {why}" for name, why in why_not.items())
    is_few = set(why_not.values()) == {FEW}
    return Finding(
        "too_few_frauds" if is_few else "no_head",
        f"no kind of fraud carries a head: {what}",
        "give a longer time with --from and --to, or wait for labels"
        if is_few
        else "give a time in which labels of each kind are complete, and compare some with their"
        " payments",
    )


def packed(learnt: Learnt, named: Named, strategy: Strategy) -> bytes:
    """Return a model's file, which our own walk reproduces bit for bit.

    Raises:
        NotAModel: It does not, or the file would be too large.
    """
    rows = golden_rows(learnt.examples.inputs)
    about = About(
        name=named.name,
        origin=named.origin,
        created_at=named.created_at,
        feature_set=strategy.features.id,
        inputs=learnt.examples.names,
        typical=typical_of(learnt.examples.inputs, learnt.intents <= NORMAL),
        priors=priors_of(strategy),
        trained=Trained(
            since=_instant(learnt.window.start),
            until=_instant(learnt.window.end),
            rows=len(learnt.examples.second),
            frauds=learnt.frauds,
            data_sha256=learnt.sha256,
        ),
        metrics=metrics_of(learnt.heads),
        engine=engine(),
    )
    heads = {
        name: Packed(
            booster=bytes(head.booster.save_raw("json")),
            calibration=Calibration(a=head.calibration.a, b=head.calibration.b),
            golden=head.margins(rows),
        )
        for name, head in learnt.heads.items()
    }
    return make_model(about, heads, rows)


def golden_rows(inputs: Inputs) -> Inputs:
    """Return rows from all of the time, some of their values taken out, shape (256, inputs)."""
    places = np.linspace(0, len(inputs) - 1, GOLDEN_ROWS).astype(np.int64)
    rows = inputs[places].astype(np.float32)
    row, column = np.indices(rows.shape)
    return np.where((row + column) % MISSING_STEP == 0, np.float32(np.nan), rows)


def typical_of(inputs: Inputs, is_normal: Flags) -> tuple[float | None, ...]:
    """Return the median of each input among normal rows; None where fewer than half have it.

    Args:
        inputs: Shape (rows, inputs), NaN where a value is missing.
        is_normal: Shape (rows,).
    """
    normal = inputs[is_normal]
    found: list[float | None] = []
    for column in normal.T:
        there = column[~np.isnan(column)]
        is_known = there.size > 0 and 2 * there.size >= len(normal)
        # The lower one of two in the middle, so that it is a value that a payment had.
        found.append(float(np.sort(there)[(there.size - 1) // 2]) if is_known else None)
    return tuple(found)


def priors_of(strategy: Strategy) -> dict[HeadName, float]:
    """Return how likely each harm is where no head says so, by the costs file."""
    return {name: strategy.costs.priors_ppm[name] / 1e6 for name in HEADS}


def metrics_of(heads: Mapping[HeadName, TrainedHead]) -> dict[str, float]:
    """Return what validation found of each head."""
    found = {}
    for name, head in heads.items():
        best = max(one.average_precision for one in head.tried)
        found[f"{name}_validation_average_precision"] = best
        found[f"{name}_trees"] = float(head.recipe.trees)
        found[f"{name}_depth"] = float(head.recipe.depth)
    return found


def refuse(findings: list[Finding]) -> None:
    """Go on where nothing was found.

    Raises:
        DataRefused: Something was.
    """
    if findings:
        raise DataRefused(findings)


def _instant(second: int) -> dt.datetime:
    return EPOCH + dt.timedelta(seconds=second)
