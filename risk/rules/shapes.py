"""The shapes of rules and of their files, as frozen values. Decides nothing, reads no file."""

from typing import Annotated, Any, Literal

import msgspec

from risk.facts import Outcome, Stage
from risk.feature import Text
from risk.policy.shapes import Level

Listed = Literal["payer", "payee", "instrument", "device", "email", "phone", "ip"]

Result = Literal["hit", "no_hit", "error"]
Raise = Literal["challenge", "review", "hold", "decline"]
# What a challenge asks at least where its rule does not say: a strong factor.
LEVEL_USUAL: Level = 2
# A score has no more.
POINTS_MAX = 1_000
# Of one file.
RULES_MAX = 50
# A year.
LISTED_HOURS_MAX = 8_760
Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{2,59}(?![\s\S])")]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class Words(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One sentence in both languages."""

    en: Sentence
    zh: Sentence


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a hit puts on a list.

    Attributes:
        kind: Of the list; a rule never makes anything milder, so that it adds to no allow list.
        entity: What of the payment is put there; nothing where the payment does not tell it.
        hours: How long it stays there. What a rule alone decided always ends.
    """

    kind: Literal["block", "watch"]
    entity: Listed
    hours: Annotated[int, msgspec.Meta(ge=1, le=LISTED_HOURS_MAX)]


class RuleTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One case that a rule's author wrote down.

    Attributes:
        given: Field -> value; a field that is not given is one that the payment does not have.
            A feature that was lost is a table: `{ missing = "not_loaded" }`.
    """

    given: Annotated[dict[str, Any], msgspec.Meta(max_length=64)]
    result: Result
    name: Sentence | None = None


class RuleWritten(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as its file has it.

    Attributes:
        stages: When it is looked at; only stages at which something is judged stand.
        when: An expression; docs/rules.md has the language.
        effect: `raise:` with an outcome, `score:+` with points, or `list:add`.
        level: Of a challenge: the proof that it asks at least.
        list: Of `list:add`: what is put on which list.
        meaning: For officers: what it looks for, and why.
        reason: What a payment that it hit is told by; `{field}` stands for a field's value.
    """

    code: Code
    version: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    stages: Annotated[tuple[Stage, ...], msgspec.Meta(min_length=1, max_length=4)]
    when: Annotated[str, msgspec.Meta(min_length=1)]
    effect: Annotated[str, msgspec.Meta(min_length=1, max_length=60)]
    meaning: Words
    reason: Words
    tests: Annotated[tuple[RuleTest, ...], msgspec.Meta(max_length=40)]
    level: Annotated[int, msgspec.Meta(ge=1, le=4)] | None = None
    list: Listing | None = None


class RuleFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of rules."""

    rules: Annotated[tuple[RuleWritten, ...], msgspec.Meta(min_length=1, max_length=RULES_MAX)]


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule as a strategy has it: all that decides, checked; its tests stay in its file.

    Attributes:
        outcome: What a hit raises the payment to at least; `approve` where it raises nothing.
        level: What a challenge asks at least; 0 for every other outcome.
        points: What a hit adds to the score; 0 for a rule with another effect.
        list: What a hit puts on a list. Left out of the content elsewhere, whose hash is the
            strategy's id: rules of before are the same rules.
    """

    code: str
    version: int
    stages: tuple[Stage, ...]
    when: str
    outcome: Outcome
    level: Level
    meaning: Text
    reason: Text
    points: Annotated[int, msgspec.Meta(ge=0, le=POINTS_MAX)] = 0
    list: Listing | msgspec.UnsetType = msgspec.UNSET

    @property
    def effect(self) -> str:
        """The effect as it is written and shown."""
        if self.list is not msgspec.UNSET:
            return "list:add"
        return f"score:+{self.points}" if self.points else f"raise:{self.outcome}"
