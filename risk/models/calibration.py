"""From margins to probabilities, and from heads to one distribution over what a payment is."""

import math
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from risk.models.manifest import HEADS, Calibration, HeadName

# Below this and above 1 minus this a probability is kept away from, so that odds stay finite.
SURE: Final = 1e-9
_EXPONENT_MAX: Final = 700.0  # exp of more overflows a float64

Intent = Literal["normal", "unauthorized", "scam", "first_party"]
Probabilities = dict[Intent, float]


class Scored(msgspec.Struct, frozen=True):
    """What a model says of one payment; None for a head that it does not have.

    Attributes:
        model: The model's id.
    """

    model: str
    unauthorized: float | None
    scam: float | None
    first_party: float | None

    def of(self, head: HeadName) -> float | None:
        """Return one head's calibrated probability."""
        found: float | None = getattr(self, head)
        return found


def probability(margin: float, calibration: Calibration) -> float:
    """Return the calibrated probability of a margin (Platt 1999).

    Example:
        >>> probability(0.0, Calibration(a=1.0, b=0.0))
        0.5
    """
    z = calibration.a * margin + calibration.b
    return 1.0 / (1.0 + math.exp(min(max(-z, -_EXPONENT_MAX), _EXPONENT_MAX)))


def probabilities_of(
    margins: npt.NDArray[np.floating], calibration: Calibration
) -> npt.NDArray[np.float64]:
    """Return the same for many margins, shape (n,)."""
    z = calibration.a * margins.astype(np.float64) + calibration.b
    found: npt.NDArray[np.float64] = 1.0 / (
        1.0 + np.exp(np.clip(-z, -_EXPONENT_MAX, _EXPONENT_MAX))
    )
    return found


def probabilities(scored: Scored, priors: Mapping[HeadName, float]) -> Probabilities:
    """Return one probability for each intent; they sum to 1.

    A head tells the odds of its kind of harm against a normal payment. Odds against one and the
    same alternative stand side by side, so each intent's share is its odds over the sum of all,
    with 1 for normal (Begg and Gray 1984, polytomous regression from separate binary ones). With
    one head and priors near 0 this is the head's own probability. A prior stands in for a head
    that the model does not have.

    Example:
        >>> told = Scored(model="", unauthorized=0.5, scam=None, first_party=None)
        >>> probabilities(told, {"unauthorized": 0.0, "scam": 0.0, "first_party": 0.0})["normal"]
        0.4999999995
    """
    odds = {head: _odds(_known(scored.of(head), priors[head])) for head in HEADS}
    total = 1.0 + sum(odds.values())
    found: Probabilities = {"normal": 1.0 / total}
    for head in HEADS:
        found[head] = odds[head] / total
    return found


def probabilities_of_rows(
    heads: Mapping[HeadName, npt.NDArray[np.float64]], priors: Mapping[HeadName, float]
) -> dict[Intent, npt.NDArray[np.float64]]:
    """Return the same for many payments: intent -> shape (n,), from each head's probabilities.

    Args:
        heads: At least one.
        priors: Of every head.
    """
    size = len(next(iter(heads.values())))
    odds: dict[HeadName, npt.NDArray[np.float64]] = {}
    total = np.ones(size)
    for head in HEADS:
        told = heads.get(head)
        known = np.full(size, priors[head]) if told is None else told
        clipped = np.clip(known, SURE, 1.0 - SURE)
        odds[head] = clipped / (1.0 - clipped)
        total = total + odds[head]
    found: dict[Intent, npt.NDArray[np.float64]] = {"normal": 1.0 / total}
    for head in HEADS:
        found[head] = odds[head] / total
    return found


def _known(told: float | None, prior: float) -> float:
    return prior if told is None else told


def _odds(known: float) -> float:
    clipped = min(max(known, SURE), 1.0 - SURE)
    return clipped / (1.0 - clipped)
