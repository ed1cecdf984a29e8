"""The shapes of the policy's data files, as frozen values. Decides nothing, reads no file."""

from typing import Annotated, Literal

import msgspec

from risk.facts import Action, ChangeOf, Minor, Scope, Stage
from risk.feature import Text

Level = Annotated[int, msgspec.Meta(ge=0, le=4)]
Liability = Literal["merchant", "provider"]
Grounds = Literal["review", "cooling_off"]
HoldEnd = Literal["challenge", "decline", "approve"]
RiskLevel = Literal["low", "medium", "high", "very_high"]


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all policy data: frozen, and strict about what a file may say."""


class LadderLevel(_Shape, frozen=True, kw_only=True):
    """One level: the proofs that reach it, `any_of_card` besides for cards."""

    any_of: tuple[str, ...]
    any_of_card: tuple[str, ...]
    used_when: Text


class ChallengePolicy(_Shape, frozen=True, kw_only=True):
    """What a challenge asks at least: while there is no score, or when the sandbox forces one."""

    level: Level


class HoldPolicy(_Shape, frozen=True, kw_only=True):
    """How long a hold lasts, and what a challenge at its end asks at least."""

    duration_s: int
    end_level: Level


class Ladder(_Shape, frozen=True, kw_only=True):
    """The ladder of proof; `risk` gives the lowest level that each risk level allows."""

    version: int
    levels: dict[int, LadderLevel]
    risk: dict[RiskLevel, Level]
    degraded: ChallengePolicy
    sandbox: ChallengePolicy
    holds: dict[Grounds, HoldPolicy]


class DayLimit(_Shape, frozen=True, kw_only=True):
    """How much may be paid in a day with proofs of this level or weaker ones."""

    level: Level
    amount_minor_max: Minor


class ExemptionPolicy(_Shape, frozen=True, kw_only=True):
    """The counted exemption of level 0.

    Attributes:
        code: Its name in answers and counters.
        amount_minor_max: Of one payment.
        count_max, sum_minor_max: Of payments since the last proof of level 2, per scope.
        liability: Who bears the loss of such a payment.
        scopes: What is counted; each must be countable.
    """

    code: str
    amount_minor_max: Minor
    count_max: int
    sum_minor_max: Minor
    liability: Liability
    scopes: tuple[Scope, ...]


class CurrencyLimits(_Shape, frozen=True, kw_only=True):
    """A preset's limits in one currency; `days` by ascending level, `exponent` as in ISO 4217."""

    exponent: int
    days: tuple[DayLimit, ...]
    exemption: ExemptionPolicy | None = None
    static_qr_day_minor_max: Minor | None = None


class PresetLevels(_Shape, frozen=True, kw_only=True):
    """The level that each circumstance asks for at least."""

    above: Level
    new_payee: Level
    protected_over_limit: Level
    other_currency: Level
    verification: Level


class Source(_Shape, frozen=True, kw_only=True):
    """Where a figure comes from: the figure's name, the law, and what it says."""

    figure: str
    source: str
    en: str
    zh: str


class Preset(_Shape, frozen=True, kw_only=True):
    """A merchant's rules of proof. Without `asks_level` it has neither levels nor limits."""

    code: str
    version: int
    asks_level: bool
    liability: Liability
    day_offset_minutes: int
    not_covered: Text
    levels: PresetLevels | None = None
    limits: dict[str, CurrencyLimits] = {}
    sources: tuple[Source, ...] = ()


class VelocityAt(_Shape, frozen=True, kw_only=True):
    """What the limit does at one stage, from this value of the feature on."""

    stage: Stage
    at_least: int
    outcome: Literal["decline", "hold"]


class Velocity(_Shape, frozen=True, kw_only=True):
    """One limit on speed, by stage."""

    code: str
    version: int
    feature: str
    why: Text
    at: tuple[VelocityAt, ...]


class EventLevels(_Shape, frozen=True, kw_only=True):
    """The level that an account action asks for at least.

    Attributes:
        level: Always.
        new_device: From a device that the service does not know as the payer's.
        after_change: Soon after a change of a credential or contact.
        changes: By what is changed; only of an account change.
    """

    level: Level
    new_device: Level
    after_change: Level
    changes: dict[ChangeOf, Level] = {}


class EventPolicy(_Shape, frozen=True, kw_only=True):
    """What account actions ask for, and what is soon after a change.

    Attributes:
        recent_s: How long a change of a credential, contact or destination weighs, in seconds.
        sign_in: The level that a sign-in at the merchant stands for, where the action is the
            sign-in itself.
        actions: By action.
    """

    version: int
    recent_s: int
    sign_in: dict[str, Level]
    actions: dict[Action, EventLevels]
