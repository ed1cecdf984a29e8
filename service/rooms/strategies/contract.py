"""What may be asked of strategies. A strategy travels as its signed content, never as files."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

CONTENT_BYTES_MAX: Final = 1 << 20
NOTE_CHARS_MAX: Final = 1_024
NUMBER_MAX: Final = 2**31 - 1

STRATEGY_ACTIVE: Final = Problem("strategy_active", 409)
STRATEGY_CHANGED: Final = Problem("strategy_changed", 409)
STRATEGY_UNFIT: Final = Problem("strategy_unfit", 422)
STRATEGY_UNSIGNED: Final = Problem("strategy_unsigned", 422)
STRATEGY_FIRST: Final = Problem("strategy_first", 409)

AUDIT_KINDS: Final[dict[str, str]] = {
    "strategy.activated": "A strategy decides from here on; or it could not be activated.",
    "strategy.went_back": "The strategy before decides again; or there was none to go back to.",
}

# Where a strategy came from, and how it came to decide.
Origin = Literal["packaged", "hand"]
How = Literal["start", "activated", "back"]

StrategyId = Annotated[str, msgspec.Meta(pattern=r"^str_[0-9a-f]{12}(?![\s\S])")]
Number = Annotated[int, msgspec.Meta(ge=1, le=NUMBER_MAX)]
Note = Annotated[str, msgspec.Meta(min_length=1, max_length=NOTE_CHARS_MAX)]


class Activation(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's time in force; it ends with the next number.

    Attributes:
        number: From 1, one more each time that another strategy decides.
        strategy_id: Which strategy.
        origin: The software's own, or brought by hand.
        how: At the writer's start, on demand, or by going back.
        back_to: Number of the one that decides again after going back; None: there is none.
        activated_by: Who asked.
    """

    number: int
    strategy_id: str
    origin: Origin
    how: How
    back_to: int | None
    activated_by: str
    activated_at: Instant


class ActivateStrategy(Command, frozen=True, kw_only=True):
    """Let a strategy decide from the next batch on; as the house.

    Attributes:
        number: The one that it gets: one more than the newest.
        content: Its canonical bytes.
        note: Signed note over number, id and content.
    """

    gives: ClassVar[type[msgspec.Struct]] = Activation

    number: Number
    strategy_id: StrategyId
    content: Annotated[bytes, msgspec.Meta(min_length=1, max_length=CONTENT_BYTES_MAX)]
    note: Note


class GoBack(Command, frozen=True, kw_only=True):
    """Let the strategy before decide again, from the next batch on; as the house.

    Attributes:
        number: The one that it gets: one more than the newest.
        strategy_id: The strategy before, as whoever asks knows it.
        note: Signed note over number, id and the content that is kept.
    """

    gives: ClassVar[type[msgspec.Struct]] = Activation

    number: Number
    strategy_id: StrategyId
    note: Note
