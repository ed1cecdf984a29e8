"""Whether a probability means what it says, and the two numbers that make it so. Pure."""

from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
BINS: Final = 20
RISKIEST: Final = 0.01
STEPS_MAX: Final = 100
STEP_MIN: Final = 1e-10
# Beyond this a float64 probability is 0 or 1.
LOGIT_MAX: Final = 36.0


class Platt(NamedTuple):
    """The probability of a margin m is 1 / (1 + exp(-(a m + b)))."""

    a: float
    b: float

    def __call__(self, margin: npt.NDArray[np.floating]) -> Floats:
        """Return probabilities of margins."""
        return sigmoid(self.a * np.asarray(margin, np.float64) + self.b)


class Bin(msgspec.Struct, frozen=True):
    """Payments of like probability: how many, what was said, what came."""

    count: int
    said: float
    came: float


class Calibration(msgspec.Struct, frozen=True):
    """How far probabilities are from what came.

    Attributes:
        ece: Expected calibration error over bins of equally many payments.
        riskiest: Distance of what was said from what came, in the riskiest hundredth.
        slope: Of the log-odds of what came over those that were said; 1 is right, below 1 the
            probabilities are too extreme.
        brier: Mean squared distance.
        brier_constant: The same of one probability for all: the share of fraud.
        bins: The riskiest last.
        tail: The riskiest hundredth.
    """

    ece: float
    riskiest: float
    slope: float
    brier: float
    brier_constant: float
    bins: tuple[Bin, ...]
    tail: Bin


def sigmoid(value: Floats) -> Floats:
    """Return probabilities of log-odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(value, -LOGIT_MAX, LOGIT_MAX)))


def logit(probability: Floats) -> Floats:
    """Return log-odds, bounded where a probability is 0 or 1."""
    low = 1.0 / (1.0 + np.exp(LOGIT_MAX))
    inside = np.clip(probability, low, 1.0 - np.finfo(np.float64).eps)
    return np.log(inside) - np.log1p(-inside)


def fit_platt(margin: npt.NDArray[np.floating], fraud: Flags) -> Platt:
    """Return the slope and the shift that make margins probabilities.

    Args:
        margin: Shape (n,), of payments that the model did not learn from.
        fraud: Shape (n,), with both kinds.

    Source: J. Platt, Probabilistic outputs for support vector machines (1999), with his targets,
    which keep a few payments that are told apart without fault from making it infinitely sure.
    """
    good, bad = int((~fraud).sum()), int(fraud.sum())
    target = np.where(fraud, (bad + 1.0) / (bad + 2.0), 1.0 / (good + 2.0))
    return _logistic(np.asarray(margin, np.float64), target)


def _logistic(x: Floats, target: Floats) -> Platt:
    """Return the logistic regression on one variable, by Newton's method with halved steps."""
    share = float(np.clip(target.mean(), 1e-9, 1 - 1e-9))
    at = np.array([0.0, np.log(share / (1 - share))])
    loss = _loss(x, target, at)
    for _ in range(STEPS_MAX):
        probability = sigmoid(at[0] * x + at[1])
        off, weight = probability - target, probability * (1.0 - probability)
        gradient = np.array([off @ x, off.sum()])
        # A hair on the diagonal lets x be a constant.
        hessian = np.array(
            [[weight @ (x * x) + 1e-9, weight @ x], [weight @ x, weight.sum() + 1e-9]]
        )
        step = np.linalg.solve(hessian, gradient)
        found = _loss(x, target, at - step)
        while found > loss and np.abs(step).max() > STEP_MIN:
            step /= 2.0
            found = _loss(x, target, at - step)
        at, loss = at - step, found
        if np.abs(step).max() <= STEP_MIN:
            break
    return Platt(float(at[0]), float(at[1]))


def _loss(x: Floats, target: Floats, at: Floats) -> float:
    value = at[0] * x + at[1]
    return float(np.logaddexp(0.0, value).sum() - target @ value)


def calibration(probability: Floats, fraud: Flags) -> Calibration:
    """Return how far probabilities are from what came; fraud and good payments are both there."""
    order = np.argsort(probability, kind="stable")
    said, came = probability[order], fraud[order].astype(np.float64)
    bins = tuple(
        _bin(*part)
        for part in zip(np.array_split(said, BINS), np.array_split(came, BINS), strict=True)
        if len(part[0])
    )
    few = max(1, round(RISKIEST * len(said)))
    tail = _bin(said[-few:], came[-few:])
    share = came.mean()
    return Calibration(
        ece=float(sum(one.count * abs(one.said - one.came) for one in bins) / len(said)),
        riskiest=abs(tail.said - tail.came),
        slope=_logistic(logit(said), came).a,
        brier=float(np.mean((said - came) ** 2)),
        brier_constant=float(share * (1.0 - share)),
        bins=bins,
        tail=tail,
    )


def _bin(said: Floats, came: Floats) -> Bin:
    return Bin(len(said), float(said.mean()), float(came.mean()))
