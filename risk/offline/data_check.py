"""Looks at payments and labels before anything is learnt from them. Pure; refuses, never repairs.

A model that learnt from shuffled labels, from a column that tells the outcome, or from the future
looks fine, or splendid, until it judges payments. Each finding says what was seen and what to do.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.offline.measures import NotMeasurable, Ranking
from risk.offline.outcomes import HEADS, Outcomes
from risk.offline.split import DAY_S, Window
from risk.offline.train import FRAUDS_MIN, Examples, chance

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]
# One input that tells fraud from the rest like this tells the outcome. The best honest feature of
# the handbook's data has 0.82, the best of the simulated world 0.90.
APART_MAX: Final = 0.995
CHANCE: Final = 0.5
RESAMPLES: Final = 200
# What has such a word in its name is decided or found out after the payment.
_OUTCOME: Final = re.compile(
    r"(?:^|[_\W])(?:is_?)?(?:fraud\w*|scam\w*|label\w*|target|outcome\w*|chargeback\w*"
    r"|charge_back|disput\w+|refund\w*|scenario\w*|investigat\w+|verdict|confirmed|resolved\w*"
    r"|resolution|settled\w*|reported\w*)(?=$|[_\W])",
    re.IGNORECASE,
)


class Finding(NamedTuple):
    """What is wrong with the data.

    Attributes:
        code: Stable snake_case word.
        what: One sentence: what was found.
        then: What to do.
    """

    code: str
    what: str
    then: str


class Material(NamedTuple):
    """What is to be learnt from.

    Attributes:
        second: Event times of all payments of the history, in the order of their coming.
        outcomes: Of all payments, all that the file says.
        window: Whose payments are learnt from.
        trained_at: The instant of training, whole seconds since 1970: nothing later is known.
    """

    second: Ints
    outcomes: Outcomes
    window: Window
    trained_at: int


def check_columns(columns: Iterable[str], label_columns: Iterable[str]) -> list[Finding]:
    """Return what is wrong with the columns that make payments, by their names.

    Args:
        columns: Of the file, that facts of payments are made of.
        label_columns: That labels are made of.
    """
    labels = set(label_columns)
    found = [one for one in columns if one in labels or _OUTCOME.search(one)]
    if not found:
        return []
    names = ", ".join(found)
    return [
        Finding(
            "outcome_column",
            f"facts of payments are made of {names}, which tells what became of them",
            "take it out of [payment] and [zero] of the map: it is not known when a payment is"
            " judged",
        )
    ]


def check_times(material: Material) -> list[Finding]:
    """Return what is wrong with times: rows of the future, and labels of it."""
    second, outcomes, window = material.second, material.outcomes, material.window
    found = []
    if np.any(np.diff(second) < 0):
        found.append(
            Finding(
                "times_unordered",
                "payments do not stand in the order of their times",
                "sort them by time: what a payment's features are made of must come before it",
            )
        )
    late = int((second > material.trained_at).sum())
    if late:
        found.append(
            Finding(
                "future_rows",
                f"{late:,} payments are later than the instant of training,"
                f" {text_of(material.trained_at)}",
                "cut the file there, or correct its times",
            )
        )
    found += check_known(second, outcomes)
    own = window.rows(second)
    told = outcomes.of_rows(own)
    unknown = int((told.known[told.is_told] > material.trained_at).sum())
    if unknown:
        found.append(
            Finding(
                "future_labels",
                f"{unknown:,} labels of the payments to learn from became known only after the"
                f" instant of training, {text_of(material.trained_at)}",
                "end with --to at a time whose labels have come",
            )
        )
    if window.end > material.trained_at:
        found.append(
            Finding(
                "future_window",
                f"the payments to learn from end at {text_of(window.end)}, after the instant of"
                f" training, {text_of(material.trained_at)}",
                "give an earlier --to",
            )
        )
    return [*found, *_unripe(material)]


def check_known(second: Ints, outcomes: Outcomes) -> list[Finding]:
    """Return whether labels were known before their payments."""
    told = outcomes.is_told
    early = int((outcomes.known[told] < second[told]).sum())
    if not early:
        return []
    return [
        Finding(
            "label_before_payment",
            f"{early:,} labels were known before their payments were made",
            "correct the label's time in the map: known_at is when somebody found out",
        )
    ]


def _unripe(material: Material) -> list[Finding]:
    """Return whether labels of the newest payments to learn from are still to come."""
    usual = material.outcomes.pending(material.second)
    ripe = material.trained_at - usual
    # A window that ends in the future is refused as such.
    if not ripe < material.window.end <= material.trained_at:
        return []
    return [
        Finding(
            "labels_to_come",
            f"most fraud is known only {text_of_span(usual)} after its payment, and the payments to"
            f" learn from end at {text_of(material.window.end)}",
            f"end with --to at {text_of(ripe)}: what is not labelled yet would be learnt as normal",
        )
    ]


def check_labels(material: Material) -> list[Finding]:
    """Return what is wrong with the labels of the payments to learn from."""
    own = material.window.rows(material.second)
    known = material.outcomes.until(material.trained_at)
    frauds = int(known.fraud[own].sum())
    if not len(own):
        return [
            Finding(
                "no_payments",
                f"no payment lies between {text_of(material.window.start)} and"
                f" {text_of(material.window.end)}",
                "give other --from and --to",
            )
        ]
    if frauds < FRAUDS_MIN:
        return [
            Finding(
                "too_few_frauds",
                f"{frauds} of {len(own):,} payments are labelled as fraud; a model needs"
                f" {FRAUDS_MIN}",
                "give a longer time with --from and --to, or wait for labels: until then rules and"
                " the cold start judge",
            )
        ]
    return []


def check_inputs(examples: Examples, outcomes: Outcomes) -> list[Finding]:
    """Return inputs that tell the outcome, and labels that nothing tells.

    Args:
        examples: What is learnt from, with enough fraud.
        outcomes: What each of them was, as far as it is known.
    """
    found = [one for head in HEADS for one in _leaks(examples, outcomes, head)]
    if found:
        return found
    # Who is labelled at all may be told by the facts though the labels themselves were shuffled.
    told = np.flatnonzero(outcomes.is_told)
    fraud = outcomes.fraud[told]
    has_both = min(int(fraud.sum()), int((~fraud).sum())) >= FRAUDS_MIN
    return _shuffled(examples, outcomes.fraud, "fraud") or (
        _shuffled(examples.of_rows(told), fraud, "fraud among labelled payments")
        if has_both and len(told) < len(outcomes.intent)
        else []
    )


def _leaks(examples: Examples, outcomes: Outcomes, head: str) -> list[Finding]:
    """Return inputs that tell one kind of fraud, on the rows that its head is made of."""
    rows, own = outcomes.told_apart(head)
    if not FRAUDS_MIN <= int(own.sum()) < len(own):
        return []
    apart = _apart(examples.of_rows(rows), own)
    leaks = [f"{name} (AUC {auc:.4f})" for name, auc in apart if auc > APART_MAX]
    if not leaks:
        return []
    return [
        Finding(
            "outcome_input",
            f"one input alone tells fraud ({head}) from all else: {', '.join(leaks)}",
            "find out whether it is known when a payment is judged; if it is made of the"
            " outcome, take its column out of the map",
        )
    ]


def _shuffled(examples: Examples, fraud: Flags, what: str) -> list[Finding]:
    try:
        low, high = chance(examples, fraud, seed=0, resamples=RESAMPLES)
    except NotMeasurable:
        return [
            Finding(
                "labels_on_one_side",
                "the first part of the time has all the fraud, or the last",
                "give a time in which labels are complete with --from and --to",
            )
        ]
    if low <= CHANCE:
        return [
            Finding(
                "labels_shuffled",
                f"a model of the first two thirds tells {what} in the last third no better than"
                f" chance (AUC {low:.3f} to {high:.3f})",
                "compare some labels with their payments: they were shuffled, or joined by the"
                " wrong column",
            )
        ]
    return []


def _apart(examples: Examples, fraud: Flags) -> list[tuple[str, float]]:
    """Return how well each input alone tells fraud: its AUC either way, missing below all."""
    found = []
    for name, values in zip(examples.names, examples.inputs.T, strict=True):
        filled = np.where(np.isnan(values), -np.inf, values)
        ranks = np.unique(filled, return_inverse=True)[1].reshape(-1)
        auc = Ranking(ranks, fraud).auc()
        found.append((name, max(auc, 1.0 - auc)))
    return found


def text_of(second: int) -> str:
    """Return an instant as people read it, UTC."""
    return str(np.datetime64(int(second), "s")).replace("T", " ") + " UTC"


def text_of_span(seconds: int) -> str:
    """Return a length of time as people read it."""
    return f"{seconds / DAY_S:.1f} days"
