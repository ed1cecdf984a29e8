"""How unlike its own normal a payment is, where no model has learned from labels. Pure.

Robust z-scores of each entity against itself, added up by stated weights: the amount against a
winsorised mean in a share of that mean, a count against the rest of a longer window. Once some
sixteen amounts are known, an outlier, or a fraud that was counted, moves what is usual by little;
each z counts up to a greatest only. The form `deviation`, of plain means, is there for strategies
of one's own. The score is on the scale of the model's, but it is no probability: nothing was
learned. The same over columns is in risk/offline/cold_start.py; a test holds both equal.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Final, Literal, NamedTuple

import msgspec

from risk.feature import FeatureSet

Form = Literal["deviation", "ratio", "rate"]
SignalCode = Literal["payer_amount", "payee_amount", "payer_rate", "device_rate", "payee_rate"]
SCORE_MAX: Final = 1_000
Positive = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Score = Annotated[int, msgspec.Meta(ge=0, le=SCORE_MAX)]
AMOUNT: Final = "amount_minor"


class Signal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One z-score.

    Attributes:
        form: `deviation`: distance from `normal`, in `spread` or `least_milli` of the normal,
            whichever is more. `ratio`: thousandths of the normal above one, in `least_milli`.
            `rate`: a count against `least_milli` of the rest of the longer window's, as Poisson
            counts differ.
        value: A feature, or the amount.
        normal: The feature that says what is usual; a ratio has none.
        spread: The feature that says how much that varies; only of a deviation.
        seen: The count without which a normal says nothing; for a rate it is the rest.
        seen_from: The least that it may be.
        from_milli, to_milli: Thousandths of a z from which points are given, and how many more.
        points: For each whole z.
    """

    code: SignalCode
    form: Form
    value: str
    least_milli: Positive
    from_milli: Positive
    to_milli: Positive
    points: Positive
    normal: str | None = None
    spread: str | None = None
    seen: str | None = None
    seen_from: Positive = 1


class Ready(NamedTuple):
    """A signal with the places of what it reads, among `ColdStart.reads`; None for what it lacks.

    Attributes:
        least: Of 1, or of a ratio in thousandths.
        above: The z from which there are points.
    """

    code: SignalCode
    form: Form
    value: int
    normal: int | None
    spread: int | None
    seen: int | None
    seen_from: int
    least: float
    above: float
    most: float
    points: int


class ColdStart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """The signals and how they add up.

    Attributes:
        base: The score of a payment that is as usual.
        max: No score is above.
    """

    version: int
    base: Score
    max: Score
    signals: tuple[Signal, ...]

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Return what the signals read, features and the amount, each once."""
        return (*names_read(self), AMOUNT)

    @cached_property
    def ready(self) -> tuple[Ready, ...]:
        """Return the signals as they are computed."""
        return tuple(_ready(signal, self.reads) for signal in self.signals)


class Unlike(msgspec.Struct, frozen=True, kw_only=True):
    """What was found.

    Attributes:
        score: None where nothing is known of any entity.
        signals: Those that gave points, the most first.
    """

    score: int | None
    signals: tuple[SignalCode, ...] = ()


NOTHING_KNOWN: Final = Unlike(score=None)


def unlike(cold_start: ColdStart, values: Sequence[float | None]) -> Unlike:
    """Return how unlike its own normal a payment is.

    Args:
        cold_start: The signals.
        values: Of each of `ColdStart.reads`; None where it is not known.
    """
    is_known, total = False, 0.0
    found: list[tuple[float, SignalCode]] = []
    for signal in cold_start.ready:
        z = _z(signal, values)
        if z is None:
            continue
        is_known = True
        if z > signal.above:
            gave = min(z - signal.above, signal.most) * signal.points
            total = total + gave
            found.append((gave, signal.code))
    if not is_known:
        return NOTHING_KNOWN
    found.sort(key=lambda one: -one[0])
    score = min(cold_start.base + math.floor(total), cold_start.max)
    return Unlike(score=score, signals=tuple(code for _, code in found))


def names_read(cold_start: ColdStart) -> tuple[str, ...]:
    """Return the features that the signals read."""
    names = {
        name
        for signal in cold_start.signals
        for name in (signal.value, signal.normal, signal.spread, signal.seen)
        if name is not None and name != AMOUNT
    }
    return tuple(sorted(names))


def check_cold_start(cold_start: ColdStart, features: FeatureSet) -> None:
    """Check that the signals can be read.

    Raises:
        ValueError: A signal names no feature, has not what its form needs, or comes twice; or the
            greatest score is below the base.
    """
    unknown = set(names_read(cold_start)) - set(features.names)
    if unknown:
        raise ValueError(f"cold start reads {', '.join(sorted(unknown))}, which is no feature")
    codes = [signal.code for signal in cold_start.signals]
    if len(set(codes)) != len(codes):
        raise ValueError("two signals of the cold start share a code")
    needs = {"deviation": (True, True), "ratio": (False, False), "rate": (True, False)}
    for signal in cold_start.signals:
        if (signal.normal is not None, signal.spread is not None) != needs[signal.form]:
            raise ValueError(f"signal {signal.code} has the normal and the spread of its form")
        if signal.form == "rate" and signal.seen is not None:
            raise ValueError(f"signal {signal.code} is a rate, which is seen by its own normal")
    if cold_start.max < cold_start.base:
        raise ValueError("the greatest score of the cold start is at least its base")


def _ready(signal: Signal, reads: tuple[str, ...]) -> Ready:
    def place(name: str | None) -> int | None:
        return None if name is None else reads.index(name)

    least = signal.least_milli / (1.0 if signal.form == "ratio" else 1_000.0)
    return Ready(
        code=signal.code,
        form=signal.form,
        value=reads.index(signal.value),
        normal=place(signal.normal),
        spread=place(signal.spread),
        seen=place(signal.seen),
        seen_from=signal.seen_from,
        least=least,
        above=signal.from_milli / 1_000.0,
        most=signal.to_milli / 1_000.0,
        points=signal.points,
    )


def _z(signal: Ready, values: Sequence[float | None]) -> float | None:
    value = values[signal.value]
    if value is None:
        return None
    if signal.seen is not None:
        seen = values[signal.seen]
        if seen is None or seen < signal.seen_from:
            return None
    if signal.normal is None:
        return (value - 1_000.0) / signal.least
    normal = values[signal.normal]
    if normal is None or normal <= 0:
        return None
    if signal.spread is None:
        rest = normal - value
        usual = rest * signal.least
        return (value - usual) / math.sqrt(usual + 1.0) if rest >= signal.seen_from else None
    spread = values[signal.spread]
    return None if spread is None else (value - normal) / max(spread, normal * signal.least)
