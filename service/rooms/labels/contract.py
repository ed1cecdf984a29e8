"""What may be told and asked of labels. Plain values; a label is added, never changed."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel import facts
from service.kernel.answers import Shape
from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

Intent = Literal["normal", "scam", "unauthorized", "first_party"]

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
CURSOR_CHARS_MAX: Final = 1_024

INTENTS: Final[dict[Intent, str]] = {
    "normal": "the payer wanted it and got what it was for",
    "scam": "the payer authorized it, deceived by somebody",
    "unauthorized": "somebody else made it: a take-over, a stolen instrument",
    "first_party": "the payer abuses it: a false dispute, a bust-out",
}

LABEL_TAKEN: Final = Problem("label_taken", 409)
KNOWN_AT_OUT_OF_RANGE: Final = Problem("known_at_out_of_range", 422)

AUDIT_KINDS: Final[dict[str, str]] = {
    "label.recorded": "It was told what a payment turned out to be.",
    "label.repeated": "A label came again; it got the answer of the first.",
    "label.refused": "A label was refused; the field says why.",
}


class LabelRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a payment turned out to be; without `known_at`, it became known just now."""

    payment_id: facts.Name
    intent: Intent
    source: facts.Name
    external_id: facts.ExternalId
    known_at: Instant | None = None


class LabelQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of which payment: the label that became known last first."""

    payment_id: facts.Name
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=CURSOR_CHARS_MAX)] | None = None


class Label(Shape, frozen=True, kw_only=True):
    """A label as it is shown.

    Attributes:
        source: Who says so, e.g. a processor or a team; with `external_id` its name.
        known_at: When it became known, which is when it begins to count.
        recorded_at: When we were told.
    """

    id: str
    payment_id: str
    intent: Intent
    source: str
    external_id: str
    known_at: Instant
    recorded_at: Instant


class LabelPage(Shape, frozen=True, kw_only=True):
    """One page; `next_cursor` is null on the last.

    Attributes:
        counts: The label that counts, which is the one that became known last; of two of one
            time the one recorded last. Null where there is none.
    """

    counts: Label | None
    labels: tuple[Label, ...]
    next_cursor: str | None


class RecordLabel(Command, frozen=True, kw_only=True):
    """Take in what a payment turned out to be.

    Attributes:
        known_at: None: the writer's now.
        touches: Kind and key of each entity whose features it moves, as the front end read them in
            the payment; the writer looks again and takes no other.
    """

    gives: ClassVar[type[msgspec.Struct]] = Label

    payment_id: facts.Name
    intent: Intent
    source: facts.Name
    external_id: facts.ExternalId
    known_at: Instant | None
    touches: tuple[tuple[str, str], ...] = ()
