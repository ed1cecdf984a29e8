"""What may be asked of models. A model's file travels in parts, since no frame holds it whole."""

import datetime as dt
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.answers import Shape
from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

FILE_BYTES_MAX: Final = 16 << 20
# A frame of the carrier takes a million bytes, the call and its names included.
PART_BYTES_MAX: Final = 900_000
PARTS_MAX: Final = -(-FILE_BYTES_MAX // PART_BYTES_MAX)
MANIFEST_BYTES_MAX: Final = 256 << 10
NOTE_CHARS_MAX: Final = 1_024
LIMIT_MAX: Final = 200
LIMIT: Final = 50
CURSOR_CHARS_MAX: Final = 1_024

MODEL_EXISTS: Final = Problem("model_exists", 409)
MODEL_INCOMPLETE: Final = Problem("model_incomplete", 409)
MODEL_UNSIGNED: Final = Problem("model_unsigned", 422)
MODEL_UNFIT: Final = Problem("model_unfit", 422)
MODEL_NOT_FOUND: Final = Problem("model_not_found", 404)
MODEL_DAMAGED: Final = Problem("model_damaged", 409)

AUDIT_KINDS: Final[dict[str, str]] = {
    "model.part_kept": "A part of a model's file was kept; it scores nothing by itself.",
    "model.part_healed": "A part of a model's file was damaged in the store and is whole again.",
    "model.healed": "What a model's maker signed was damaged in the store and is whole again.",
    "model.added": "A model was checked, signed and added: strategies may name it.",
    "model.refused": "A model was not added; the entry says why.",
    "scorer.ready": "The model of the strategy in force scores payments from here on.",
    "scorer.none": "The strategy in force has no model any more.",
    "scorer.down": "The model of the strategy in force cannot score; the entry says why.",
}

Origin = Literal["trained", "simulated"]
ScorerState = Literal["none", "ready", "down"]
ModelId = Annotated[str, msgspec.Meta(pattern=r"^sha256:[0-9a-f]{64}(?![\s\S])")]
Digest = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}(?![\s\S])")]


class PartKept(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file is in the store.

    Attributes:
        sha256: Of its bytes; by this the model's row names it.
    """

    sha256: str


class Model(Shape, frozen=True, kw_only=True):
    """A model as a list shows it.

    Attributes:
        id: `sha256:` and the digest of its manifest, which names every byte of the file.
        origin: Trained on labels of payments, or on traffic that was made up; the latter never
            scores for a live merchant.
        feature_set: Id of the features that it reads.
        heads: What it tells the probability of.
        bytes: Size of the file.
        damaged: Whether its manifest, as the store holds it, is not the one that names it; adding
            the file again puts that right.
        added_by: Who brought it.
    """

    id: str
    name: str
    origin: Origin
    feature_set: str
    heads: tuple[str, ...]
    bytes: int
    damaged: bool
    added_by: str
    added_at: Instant


class ModelTrained(Shape, frozen=True, kw_only=True):
    """What a model was trained on.

    Attributes:
        since, until: Times of the payments, `since <= t < until`.
        rows: How many payments.
        frauds: How many of each head's kind.
    """

    since: Instant
    until: Instant
    rows: int
    frauds: dict[str, int]


class ModelShown(Model, frozen=True, kw_only=True):
    """A model with all that its maker signed of it.

    Attributes:
        inputs: Names of what it reads, in their order.
        metrics: What was measured when it was made, by name.
        note: The signed note over its id.
    """

    inputs: tuple[str, ...]
    trained: ModelTrained
    metrics: dict[str, float]
    note: str


class ModelPage(Shape, frozen=True, kw_only=True):
    """A page of models, the newest first."""

    models: tuple[Model, ...]
    next_cursor: str | None


class ModelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page of models."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX, description="Rows of one page.")] = LIMIT
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                min_length=1,
                max_length=CURSOR_CHARS_MAX,
                description="next_cursor of the page before.",
            ),
        ]
        | None
    ) = None


class ModelAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A model is in the store."""

    sha256: str
    name: str
    origin: Origin
    added_at: dt.datetime


class ScorerNoted(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the model of the strategy in force scores.

    Attributes:
        number: From 1, one more with each change.
    """

    number: int
    state: ScorerState


class NoteScorer(Command, frozen=True, kw_only=True):
    """Note that the scorer is ready or down; as the house, by the writer itself.

    Attributes:
        model: Id of the model of the strategy in force; None where it has none.
        why: Why it cannot score; None where it can.
    """

    gives: ClassVar[type[msgspec.Struct]] = ScorerNoted

    model: ModelId | None
    state: ScorerState
    why: Annotated[str, msgspec.Meta(max_length=32)] | None = None


class AddModelPart(Command, frozen=True, kw_only=True):
    """Keep a part of a model's file; as the house.

    The same part again changes nothing, unless what is kept of it was damaged.
    """

    gives: ClassVar[type[msgspec.Struct]] = PartKept

    content: Annotated[bytes, msgspec.Meta(min_length=1, max_length=PART_BYTES_MAX)]


class AddModel(Command, frozen=True, kw_only=True):
    """Add a model whose parts are kept; as the house, once for each file.

    Attributes:
        bytes_total: Size of the file.
        parts: Digests of its parts, in their order.
        manifest: The manifest's bytes as the file holds them; their digest names the model.
        note: The signed note over that name.
    """

    gives: ClassVar[type[msgspec.Struct]] = ModelAdded

    bytes_total: Annotated[int, msgspec.Meta(ge=1, le=FILE_BYTES_MAX)]
    parts: Annotated[tuple[Digest, ...], msgspec.Meta(min_length=1, max_length=PARTS_MAX)]
    manifest: Annotated[bytes, msgspec.Meta(min_length=1, max_length=MANIFEST_BYTES_MAX)]
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_CHARS_MAX)]
