"""Parts that the answers of several rooms share: a judgement, a challenge, a hold, a warning.

Each comes twice: as ids and codes, which is what a reply stores, and as it goes over the wire,
with texts and client secrets that the front end adds. Never holds a secret in the first form.
"""

from typing import Literal

import msgspec

from service.kernel.facts import Level, Outcome, RiskLevel, Stage
from service.kernel.money import Amount, Instant

# What a score comes from: a model; how unlike its own normal a payment is; nothing, there is none.
Basis = Literal["model", "cold_start", "rules"]
Harm = Literal["unauthorized", "scam", "first_party"]
# Why no contributions are told.
NoReasons = Literal["not_by_a_model", "not_asked_yet", "model_not_at_hand"]
HoldEnd = Literal["challenge", "decline", "approve"]


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parts of answers."""


class SlotAmount(Shape, frozen=True, kw_only=True):
    """Money in a reason, with its exponent so that it can be written out."""

    minor: int
    currency: str
    exponent: int


class Said(Shape, frozen=True, kw_only=True):
    """One sentence in both languages."""

    en: str
    zh: str


class ReasonCoded(Shape, frozen=True, kw_only=True):
    """Why, as a code and typed slots; a rule's with its own sentence."""

    code: str
    slots: dict[str, int | str | SlotAmount] = {}
    said: Said | None = None


class RuleShown(Shape, frozen=True, kw_only=True):
    """A rule that was looked at, with the comparison in its real values."""

    rule: str
    version: int
    result: Literal["hit", "no_hit", "error"]
    effect: str
    shown: str


class RuleCoded(Shape, frozen=True, kw_only=True):
    """A rule that was looked at, as it is told in either language.

    Attributes:
        shown_zh: None where the comparison reads the same in every language.
    """

    rule: str
    version: int
    result: Literal["hit", "no_hit", "error"]
    effect: str
    shown: str
    shown_zh: str | None = None


class Judged(Shape, frozen=True, kw_only=True):
    """An assessment as ids and codes: enough to write its answer in any language."""

    id: str
    stage: Stage
    outcome: Outcome
    reason_code: str
    level: Level | None
    score: int | None
    risk_level: RiskLevel
    strategy: str
    arm: Literal["champion", "challenger"]
    degraded: tuple[str, ...]
    reasons: tuple[ReasonCoded, ...]
    rules: tuple[RuleCoded, ...]
    probabilities: dict[str, float | None] | None
    exemption: str | None
    basis: Basis = "rules"
    model: str | None = None
    expected_loss_minor: int | None = None
    counterfactuals: tuple[tuple[Level, Outcome], ...] = ()


class Reason(Shape, frozen=True, kw_only=True):
    """Why, as a stable code and a sentence in the language asked for.

    Attributes:
        code: Of the engine, or of a rule.
        for_payer: The sentence may be shown to the payer; any other is for officers.
    """

    code: str
    text: str
    for_payer: bool


class Probabilities(Shape, frozen=True, kw_only=True):
    """How likely each intent is; they sum to 1. A head without labels says null."""

    normal: float | None
    scam: float | None
    unauthorized: float | None
    first_party: float | None


class Contribution(Shape, frozen=True, kw_only=True):
    """How much one input moved the score: exact TreeSHAP values of the margin, in log odds.

    Attributes:
        feature: Name of the input.
        text: What it means, in the language asked for.
        value: What stood there; null where it was missing.
        typical: What normal payments usually have there: the median among those that the model was
            trained on; null where fewer than half of them had any, or the model does not say.
        contribution: More than 0: it speaks for harm.
    """

    feature: str
    text: str | None
    value: int | float | str | None
    typical: str | None
    contribution: float


class Change(Shape, frozen=True, kw_only=True):
    """What would be different in a counterfactual."""

    level: Level


class Counterfactual(Shape, frozen=True, kw_only=True):
    """A proof that would have led to another outcome."""

    change: Change
    outcome: Outcome


class Explanation(Shape, frozen=True, kw_only=True):
    """Why exactly; only for keys with scope `assessments:explain`, never for a payer's device.

    Attributes:
        basis: What the score comes from.
        percentile_30d: Where the score stands among a merchant's of 30 days; not told yet, null.
        model: Id of the model that scored; null where none did.
        contributions: What moved the score the most; null where it is not told.
        contributions_to: Of which harm: the likeliest one.
        contributions_missing: Why they are not told: no model scored; an approval's are told when
            it is read; the model is not at hand in this front end.
    """

    basis: Basis
    probabilities: Probabilities | None
    percentile_30d: float | None
    expected_loss: Amount | None
    model: str | None
    contributions: tuple[Contribution, ...] | None
    contributions_to: Harm | None
    contributions_missing: NoReasons | None
    rules: tuple[RuleShown, ...]
    counterfactuals: tuple[Counterfactual, ...] | None
    exemption: str | None


class AssessmentAnswer(Shape, frozen=True, kw_only=True):
    """One judgement; what was not judged is null."""

    id: str
    stage: Stage
    score: int | None
    risk_level: RiskLevel
    strategy: str
    arm: Literal["champion", "challenger"]
    degraded: tuple[str, ...]
    reasons: tuple[Reason, ...]
    explanation: Explanation | None = None


class ChallengeAsked(Shape, frozen=True, kw_only=True):
    """A demand for proof: any one of `any_of` is enough, until `expires_at`."""

    id: str
    level: Level
    any_of: tuple[str, ...]
    expires_at: Instant


class ChallengeAnswer(ChallengeAsked, frozen=True, kw_only=True):
    """A demand for proof with the secret by which the payer's device may meet it."""

    client_secret: str | None


class HoldSet(Shape, frozen=True, kw_only=True):
    """A timed stop: why, until when, and what its end does."""

    id: str
    grounds: str
    end: HoldEnd
    ends_at: Instant


class HoldAnswer(HoldSet, frozen=True, kw_only=True):
    """A timed stop with the secret by which the payer may cancel."""

    client_secret: str | None


class WarningAnswer(Shape, frozen=True, kw_only=True):
    """A notice to be shown to the payer, with the secret by which they answer it."""

    id: str
    template: str
    client_secret: str | None
