"""What a judgement says. Plain frozen values: what is not judged yet is None, never invented."""

from typing import Final, Literal

import msgspec

from risk.facts import Outcome, Scope, Stage
from risk.feature import Text
from risk.policy.shapes import Grounds, HoldEnd, Liability, RiskLevel

# In rising order of strength; the strongest of several outcomes stands.
STRENGTH: Final[dict[Outcome, int]] = {
    "approve": 0,
    "challenge": 1,
    "review": 2,
    "hold": 3,
    "decline": 4,
}
DegradedCode = Literal[
    "scorer_down",
    "scorer_late",
    "features_invalid",
    "velocity_unknown",
    "rule_failed",
    "unauthorized_unlabelled",
    "scam_unlabelled",
    "first_party_unlabelled",
]
# Told, and no more: a prior stands in for a head that the model never had labels for.
ONLY_TOLD: Final[frozenset[DegradedCode]] = frozenset(
    {"unauthorized_unlabelled", "scam_unlabelled", "first_party_unlabelled"}
)
# What a score comes from: a model; how unlike its own normal a payment is; nothing, there is none.
Basis = Literal["model", "cold_start", "rules"]
# Reasons of the engine itself; a rule's reason has the rule's code.
ReasonCode = Literal[
    "above_day_limits",
    "approval_stands",
    "cooling_off",
    "day_limit",
    "degraded_challenge",
    "degraded_no_proof",
    "degraded_over_limit",
    "degraded_small",
    "event_level",
    "judged_without_level",
    "likely_first_party",
    "likely_scam",
    "likely_unauthorized",
    "merchant_initiated",
    "new_payee",
    "no_limits",
    "on_block_list",
    "proof_given",
    "protected_over_limit",
    "recent_change",
    "risk_raised",
    "sandbox_forced",
    "sandbox_payer_forced",
    "scam_warning",
    "signed_in",
    "small_count_spent",
    "small_device_unknown",
    "small_guest",
    "small_no_consent",
    "small_not_by_payer",
    "small_over_limit",
    "small_payment",
    "small_protected",
    "small_sum_spent",
    "small_uncountable",
    "static_qr_day_limit",
    "too_many_payments",
    "unknown_device",
    "unlike_normal",
    "verification",
]


class Amount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money in a reason, with the exponent of its currency so that it can be written out."""

    minor: int
    currency: str
    exponent: int


Slots = dict[str, int | str | Amount]


class Reason(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why, as a code and typed slots; risk/reasons.py has the words.

    Attributes:
        code: A `ReasonCode`, or the code of a rule.
        said: A rule's own sentence with names and kinds of its slots, `{name:kind}`, so that it
            reads the same when the rule is gone; None for a reason of the engine.
    """

    code: str
    slots: Slots = {}
    said: Text | None = None


class RuleResult(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule, limit or list entry that was looked at; an `error` is never a `no_hit`.

    Rules that did not hit are not told: the strategy says which ones there were.

    Attributes:
        effect: What a hit does, e.g. `raise:hold`.
        shown: The comparison with its real values.
        shown_zh: The same for a reader of Chinese, where it holds a sentence of a rule. Left out
            elsewhere: what is kept of other judgements stays as it was.
    """

    rule: str
    version: int
    result: Literal["hit", "no_hit", "error"]
    effect: str
    shown: str
    shown_zh: str | msgspec.UnsetType = msgspec.UNSET


class ExemptionUse(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to count for a payment let through without proof, under guards that hold the limits.

    Each scope's counter grows by one and by `amount_minor`, only where it then stays within
    `count_max` and `amount_minor_max`; where one does not, the exemption is refused.
    """

    code: str
    scopes: tuple[Scope, ...]
    amount_minor: int
    currency: str
    count_max: int
    amount_minor_max: int


class Hold(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A timed stop: its grounds, what its end does, how long it lasts."""

    grounds: Grounds
    end: HoldEnd
    duration_s: int


class Counterfactual(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A level of proof that would have led to another outcome, and to which."""

    level: int
    outcome: Outcome


class Assessment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One judgement of one payment at one stage.

    Attributes:
        level: The level of proof that the payment needs; None where none is asked.
        any_of: The proofs that reach it, each a factor or several joined by `+`; only with a
            challenge, and with a hold that ends in one.
        reason_code: The first of `reasons`.
        score: 0 to 1,000; None where nothing gave one.
        probabilities: `normal` and each harm; None for a harm that the model has no labels of,
            and in all where no model scored.
        exemption: What to count; only with an approval under it.
        basis: What the score comes from.
        model: Hash of the model's file; None where no model scored.
        expected_loss_minor: Of letting the payment through as it stands, in its currency; None
            where no model scored.
        is_calibrated: The score stands for a probability.
        counterfactuals: What a proof would have led to; none where it would have changed nothing.
    """

    stage: Stage
    outcome: Outcome
    level: int | None
    any_of: tuple[str, ...]
    reason_code: str
    reasons: tuple[Reason, ...]
    rules: tuple[RuleResult, ...]
    degraded: tuple[DegradedCode, ...]
    score: int | None
    risk_level: RiskLevel
    probabilities: dict[str, float | None] | None
    exemption: ExemptionUse | None
    liability: Liability
    hold: Hold | None
    strategy: str
    feature_set: str
    basis: Basis = "rules"
    model: str | None = None
    expected_loss_minor: int | None = None
    is_calibrated: bool = False
    counterfactuals: tuple[Counterfactual, ...] = ()
