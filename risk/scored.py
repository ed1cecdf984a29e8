"""What names a model, and what it says of one payment. Values only; loads and scores nothing."""

from typing import Annotated, Any, Final, Literal, Protocol, get_args

import msgspec

Head = Literal["unauthorized", "scam", "first_party"]
ModelOrigin = Literal["trained", "simulated"]
HEADS: Final[tuple[Head, ...]] = get_args(Head)
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\Asha256:[0-9a-f]{64}\Z")]
Name = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]
Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class ModelRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model a strategy judges by: the file's hash, and what has to stand in its rows.

    Attributes:
        sha256: Of the model's file.
        origin: `simulated` is refused for live merchants.
        feature_set: Whose values it was trained on.
        inputs: Names of its inputs, in the order of a row.
        priors: How likely each harm is for which it has no head; by the costs where none is given.
    """

    sha256: Sha256
    origin: ModelOrigin
    feature_set: str
    inputs: Annotated[tuple[Name, ...], msgspec.Meta(min_length=1, max_length=512)]
    priors: dict[Head, Probability] = {}


class Scored(Protocol):
    """Calibrated probabilities of each harm; None for a head that the model lacks."""

    @property
    def model(self) -> str:
        """Hash of the file that said so."""
        ...

    @property
    def unauthorized(self) -> float | None:
        """Somebody else than the payer pays."""
        ...

    @property
    def scam(self) -> float | None:
        """The payer pays, and was deceived."""
        ...

    @property
    def first_party(self) -> float | None:
        """The payer pays, and will deny it or keep goods and money."""
        ...


class Scorer(Protocol):
    """What scores a row of `ModelRef.inputs`; a model of risk/models does."""

    def score(self, row: Any, /) -> Scored:
        """Return what the model says of one row, shape (inputs,), float32; NaN is missing."""
        ...
