"""Which model a strategy judges by, and what scores a row with it. Loads and scores nothing."""

from typing import Annotated, Any, Literal, Protocol

import msgspec

from risk.models.calibration import Scored
from risk.models.manifest import INPUTS_MAX, HeadName, Probability

ModelId = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]


class ModelRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model by its id, and what has to stand in its rows.

    Attributes:
        sha256: The model's id: `sha256:` and the hash of its manifest.
        origin: `simulated` is refused for live merchants.
        feature_set: Whose values it was trained on.
        inputs: Names of its inputs, in the order of a row.
        priors: How likely each harm is for which it has no head, as the model's file says; by the
            costs where none is given.
    """

    sha256: ModelId
    origin: Literal["trained", "simulated"]
    feature_set: str
    inputs: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=INPUTS_MAX)]
    priors: dict[HeadName, Probability] = {}


class Scorer(Protocol):
    """What scores a row of `ModelRef.inputs`; that of risk/models/scorer.py does."""

    def score(self, row: Any, /) -> Scored:
        """Return what the model says of one row, shape (inputs,), float32; NaN is missing."""
        ...
