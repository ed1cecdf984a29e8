"""What a model file says of itself. Its hash names the model, and with it every byte of its parts.

One head for each kind of harm, over the same inputs. A head that had no labels is left out; the
prior that stands in for it is written here as well, so that nothing about a score lies elsewhere.
"""

import hashlib
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from risk.facts import Instant

FORMAT: Final = 1
HeadName = Literal["unauthorized", "scam", "first_party"]
HEADS: Final[tuple[HeadName, ...]] = get_args(HeadName)
MANIFEST_BYTES_MAX: Final = 256 << 10
INPUTS_MAX: Final = 512
GOLDEN_ROWS: Final = 256
METRICS_MAX: Final = 200

Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Word = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]
Probability = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class NotAModel(ValueError):  # noqa: N818  says what it is not
    """Bytes are no model that this software can judge by; the sentence says why."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all parts of a manifest are: closed, and without a second way to write them."""


class Calibration(_Part, frozen=True, kw_only=True):
    """Platt's two numbers: the probability is 1 / (1 + exp(-(a * margin + b))).

    Attributes:
        a: More than 0: a higher margin is never a lower probability.
    """

    a: Annotated[float, msgspec.Meta(gt=0.0, le=1e3)]
    b: Annotated[float, msgspec.Meta(ge=-1e3, le=1e3)]


class Head(_Part, frozen=True, kw_only=True):
    """One kind of harm.

    Attributes:
        trees_sha256: Of the booster, as XGBoost writes it in JSON.
        base_margin: What a row's margin begins with; exactly a float32.
        calibration: From margin to probability.
    """

    trees_sha256: Sha256
    base_margin: float
    calibration: Calibration


class Trained(_Part, frozen=True, kw_only=True):
    """What a model was trained on.

    Attributes:
        since, until: The payments' times, `since <= t < until`.
        rows: How many payments.
        frauds: How many of each head's kind.
        data_sha256: Of the training rows, as whoever trained it counts them.
    """

    since: Instant
    until: Instant
    rows: Count
    frauds: dict[HeadName, Count]
    data_sha256: Sha256


class Golden(_Part, frozen=True, kw_only=True):
    """Rows with what XGBoost made of them, so that a reader can compare.

    Attributes:
        rows: How many.
        rows_sha256, margins_sha256: Of the parts of these names.
    """

    rows: Annotated[int, msgspec.Meta(ge=GOLDEN_ROWS, le=GOLDEN_ROWS)]
    rows_sha256: Sha256
    margins_sha256: Sha256


class Manifest(_Part, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about a model but its trees.

    Attributes:
        format: Of this file.
        origin: `simulated` where the rows were made by a simulation: no live merchant is judged
            by such a model.
        feature_set: Id of the set that the inputs are of.
        inputs: In the order of a row, see risk/models/inputs.py.
        priors: Of each head, what stands in where it has no probability: a share of payments.
        typical: Of each input, the median among the training rows that were normal and have it;
            None where fewer than half of them do. Empty in a model of before this was kept. For
            people; decides nothing.
        metrics: What was measured when it was trained; decides nothing.
        engine: Library -> version that trained it.
    """

    format: int
    name: Word
    origin: Literal["trained", "simulated"]
    created_at: Instant
    feature_set: Word
    inputs: Annotated[tuple[Word, ...], msgspec.Meta(min_length=1, max_length=INPUTS_MAX)]
    heads: Annotated[dict[HeadName, Head], msgspec.Meta(min_length=1)]
    priors: dict[HeadName, Probability]
    trained: Trained
    typical: Annotated[tuple[float | None, ...], msgspec.Meta(max_length=INPUTS_MAX)] = ()
    metrics: Annotated[dict[Word, float], msgspec.Meta(max_length=METRICS_MAX)]
    engine: Annotated[dict[Word, Word], msgspec.Meta(min_length=1, max_length=16)]
    golden: Golden

    @property
    def head_names(self) -> tuple[HeadName, ...]:
        """The heads that the model has, in the order of its golden margins and its trees."""
        return tuple(name for name in HEADS if name in self.heads)


class _Stamp(msgspec.Struct, frozen=True):
    """The one field that every format has."""

    format: int


def write_manifest(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest, after checking it.

    Raises:
        NotAModel: It does not hold together.
    """
    written = _canonical(manifest)
    read_manifest(written)
    return written


def read_manifest(content: bytes) -> Manifest:
    """Return what canonical bytes say.

    Raises:
        NotAModel: They are malformed, of another format, or not as `write_manifest` writes them.
    """
    if len(content) > MANIFEST_BYTES_MAX:
        raise NotAModel(f"a manifest has at most {MANIFEST_BYTES_MAX} bytes")
    stamp = _decoded(content, _Stamp)
    if stamp.format != FORMAT:
        raise NotAModel(f"the file has format {stamp.format}, not {FORMAT}")
    found: Manifest = _decoded(content, Manifest)
    # One manifest has one form: else a duplicate member could say something else to another reader.
    if _canonical(found) != content:
        raise NotAModel("the manifest is not written in its canonical form")
    _check(found)
    return found


def model_id(manifest: bytes) -> str:
    """Return the name of a model: `sha256:` and the hash of its manifest's bytes."""
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def text_to_sign(model: str) -> str:
    """Return the text of the note that makes a model one of ours, by the model's id."""
    return f"payguard model\n{model}\n"


def _canonical(manifest: Manifest) -> bytes:
    return msgspec.json.encode(msgspec.to_builtins(manifest), order="sorted")


def _decoded(content: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(content, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotAModel(f"the manifest is malformed: {error}") from None


def _check(manifest: Manifest) -> None:
    if len(set(manifest.inputs)) != len(manifest.inputs):
        raise NotAModel("an input is named twice")
    if len(manifest.typical) not in {0, len(manifest.inputs)}:
        raise NotAModel("every input has its typical value, or none has")
    if set(manifest.priors) != set(HEADS):
        raise NotAModel("each head has its prior, whether or not it has trees")
    if sum(manifest.priors.values()) >= 1.0:
        raise NotAModel("priors leave nothing for what is normal")
    if not set(manifest.trained.frauds) >= set(manifest.heads):
        raise NotAModel("each head says how many frauds it was trained on")
    if manifest.trained.since >= manifest.trained.until:
        raise NotAModel("a model is trained on rows of some time")
