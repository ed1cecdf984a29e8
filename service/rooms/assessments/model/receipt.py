"""What is kept of how a judgement was made, so that it can be made and explained again. Pure."""

from typing import Any

import msgspec
from typing_extensions import override

from keys.sealing import Sealer
from risk.facts import Circumstances, Facts
from risk.models.calibration import Scored
from risk.models.manifest import HEADS
from risk.scored import Scorer
from risk.vectors import FeatureVector


class Said(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the model said, so that the judgement can be made again without it.

    Probabilities are written as `float.hex` writes them: exact, and the same text everywhere.
    """

    model: str
    unauthorized: str | None
    scam: str | None
    first_party: str | None


class Inputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a judgement was made from besides features and strategy, as it is kept.

    Attributes:
        scored: What the model said; None where none was asked.
    """

    facts: Facts
    circumstances: Circumstances
    scored: Said | None = None

    def scorer(self) -> Scorer | None:
        """Return what says again what the model said; None where none was asked."""
        return None if self.scored is None else _Again(self.scored)


class _Again(Scorer):
    """Says what a model once said of the one row that it is asked about."""

    def __init__(self, said: Said) -> None:
        values = {head: getattr(said, head) for head in HEADS}
        read = {head: None if one is None else float.fromhex(one) for head, one in values.items()}
        self._told = Scored(model=said.model, **read)

    @override
    def score(self, row: Any, /) -> Scored:
        return self._told


class Noting(Scorer):
    """Asks a model, and notes what it said."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self.said: Said | None = None

    @override
    def score(self, row: Any, /) -> Scored:
        scored = self._scorer.score(row)
        heads = {head: getattr(scored, head) for head in HEADS}
        written = {head: None if one is None else float(one).hex() for head, one in heads.items()}
        self.said = Said(model=scored.model, **written)
        return scored


def open_features(sealed: bytes, *, assessment_id: str, sealer: Sealer) -> FeatureVector:
    """Return the feature vector of a stored assessment.

    Raises:
        keys.sealing.NotOpened: The key is another one, or the row was changed.
    """
    plain = sealer.open(sealed, bound_to=f"assessments.features:{assessment_id}")
    return msgspec.json.decode(plain, type=FeatureVector)
