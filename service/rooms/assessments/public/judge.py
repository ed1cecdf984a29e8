"""Judges payments and actions under the strategy in force. Commits nothing itself."""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from keys.sealing import Sealer
from risk import events
from risk.amounts import NORMAL_MAX_MILLI
from risk.assessment import Assessment
from risk.facts import Circumstances, Counter, Facts, Forced
from risk.feature import COUNTED_AT
from risk.lists import ListHit
from risk.scored import ModelRef, Scorer
from risk.strategy import Strategy
from risk.vectors import FeatureVector, entities, observations, vector
from service.db.statements import Bound
from service.rooms.assessments import store
from service.rooms.assessments.model import (
    LEVEL_1,
    LEVEL_2,
    STATIC_QR,
    Counted,
    Touched,
    day_of,
    scopes_of,
)
from service.rooms.assessments.model.receipt import Noting, open_features
from service.rooms.assessments.public.record import (
    Record,
    canonical,
    canonical_inputs,
    entry,
)
from service.state.entities import EntityKey, Observation
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View
from service.unit_of_work.outcome import Change, Entry

SCHEMA: Final = 1
SALT_BYTES: Final = 32
# What a score may take of a command's deadline: twenty times what it was measured to take, so
# that a payment which is let through to it is answered in time.
SCORER_BUDGET_NS: Final = 5_000_000
ScorerState = Literal["none", "ready", "down", "late"]
# What says whether an amount was normal for its payer; and what said so before there was that.
RATIO: Final = "payer_amount_to_usual"
RATIO_BEFORE: Final = "payer_amount_to_normal"


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of other rooms say about a payment; see risk.facts.Circumstances.

    Attributes:
        features: As they stood when it was first judged; None to take them as they stand.
    """

    preset: str
    has_small_consent: bool = False
    is_protected: bool = False
    protected_small_allowed: bool = False
    device_is_known: bool = False
    payee_is_new: bool = True
    exemption: str | None = None
    forced: Forced | None = None
    small_limit_minor: int | None = None
    merchant_limit_minor: int | None = None
    lists: tuple[ListHit, ...] = ()
    lists_version: str | None = None
    credentials_changed_at: dt.datetime | None = None
    features: FeatureVector | None = None


# What a judgement is made again for, once the scorer is back, where it stopped somebody.
WITHOUT_SCORE: Final = frozenset({"scorer_down", "scorer_late"})
STOPPED: Final = frozenset({"challenge", "review", "hold"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A judgement and what it commits.

    Attributes:
        id: `asm_...`.
        assessment: What risk said.
        observations: What the payment adds to feature state.
        counted: What an exemption used up; None without one.
        changes: The assessment's row and the guarded spends.
        entry: `payment.assessed` or `assessment.made`, with commitments to inputs and features.
    """

    id: str
    assessment: Assessment
    observations: tuple[Observation, ...]
    counted: Counted | None
    changes: tuple[Change, ...]
    entry: Entry

    @property
    def lacks_score(self) -> bool:
        """Whether there should be a score behind it, and is none."""
        return not WITHOUT_SCORE.isdisjoint(self.assessment.degraded)


class Judge:
    """Judges payments under the strategy in force; the writer hands one to its handlers.

    Another strategy comes into force between batches only, so that a batch has one.
    """

    def __init__(self, strategy: Strategy, sealer: Sealer, scorer: Scorer | None = None) -> None:
        self._strategy = strategy
        self._sealer = sealer
        self._scorer = scorer

    @property
    def strategy(self) -> Strategy:
        """The strategy that decides."""
        return self._strategy

    @property
    def is_scoring(self) -> bool:
        """Whether the strategy's model scores, where it has one."""
        return self._strategy.model is None or self._scorer is not None

    def is_refused(self, call: Call) -> bool:
        """Say whether the strategy's model never scores for a caller, however long one waits."""
        model = self._strategy.model
        return model is not None and _is_refused(model, call)

    def switch(self, strategy: Strategy, scorer: Scorer | None = None) -> None:
        """Judge by another strategy from here on; never called while a batch runs.

        Args:
            strategy: The strategy.
            scorer: Its model, mapped; None where it has none, or it cannot score.

        Raises:
            ValueError: It reads other features than those that are kept.
        """
        if strategy.features.id != self._strategy.features.id:
            raise ValueError(f"strategy {strategy.id} reads other features")
        self._strategy = strategy
        self._scorer = scorer

    def keys(self, facts: Facts | Touched, call: Call) -> list[str]:
        """Return what a judgement spends from, so that no two of a batch share it."""
        owner = f"{call.tenant_id}:{call.merchant_id}:{call.mode}"
        return [f"{scope}:{owner}:{key}" for scope, key in scopes_of(facts).items()]

    def entities(self, facts: Facts | Touched, call: Call) -> list[EntityKey]:
        """Return the entities whose feature state a judgement reads."""
        return [EntityKey(call.tenant_id, call.mode, kind, key) for kind, key in entities(facts)]

    def reads(self, facts: Facts | Touched, call: Call) -> list[Bound]:
        """Return the reads of the counters that a judgement needs."""
        return [store.counters_of(facts, call), store.day_sums_of(facts, call)]

    def judge(
        self, view: View, facts: Facts, known: Known, *, subject_id: str | None, ctx: Context
    ) -> Judged:
        """Judge a payment at its stage, or an account action.

        Args:
            view: Holds the rows of `reads` and the states of `entities`.
            facts: The payment at this stage.
            known: What other rooms' rows say.
            subject_id: The payment; None for what is judged by itself and has no other id.
            ctx: Time, ids, entropy.
        """
        features = known.features or self.features(view, facts, ctx.call)
        circumstances = self._circumstances(view, facts, known, ctx)
        noting = None
        if circumstances.scorer == "ready" and self._scorer is not None:
            noting = Noting(self._scorer)
        assessment = events.judge(facts, circumstances, features, self._strategy, noting)
        assessment_id = ctx.new_id("asm")
        counted, spends = self._spends(facts, known, assessment, ctx)
        record = Record(
            assessment_id=assessment_id,
            subject_id=subject_id or assessment_id,
            assessment=assessment,
            inputs=canonical_inputs(facts, circumstances, noting.said if noting else None),
            features=canonical(features),
            salt=ctx.entropy(SALT_BYTES),
            lists=known.lists_version,
        )
        return Judged(
            id=assessment_id,
            assessment=assessment,
            observations=tuple(
                Observation(
                    kind=one.kind,
                    key=one.key,
                    at=one.at,
                    amount_minor=one.amount_minor,
                    currency=one.currency,
                    is_declined=one.is_declined,
                    others=one.others,
                    ratio_milli=one.ratio_milli,
                )
                for one in observations(
                    facts, is_declined=assessment.outcome == "decline", features=features
                )
            ),
            counted=counted,
            changes=(
                Change(bound=self._row(record, ctx)),
                # An action is no payment: nothing judges it again.
                *(self._again(record, facts, known, ctx) if subject_id is not None else ()),
                *spends,
            ),
            entry=entry(record),
        )

    def features(self, view: View, facts: Facts, call: Call) -> FeatureVector:
        """Return the feature vector of a payment as the states stand."""
        states = {
            (kind, key): view.entity(EntityKey(call.tenant_id, call.mode, kind, key))
            for kind, key in entities(facts)
        }
        return vector(facts, states, self._strategy.features)

    def normal_read(self, call: Call, subject_id: str) -> Bound:
        """Return the read that `was_normal` needs."""
        return store.FIRST_FEATURES(
            tenant_id=call.tenant_id,
            merchant_id=call.merchant_id,
            mode=call.mode,
            subject_id=subject_id,
        )

    def was_normal(self, view: View, call: Call, subject_id: str) -> bool:
        """Say whether a payment's amount was known to be normal for its payer when it was made.

        Args:
            view: Holds the row of `normal_read`.
            call: Whose payment it is.
            subject_id: The payment.
        """
        found = self.first_features(view, call, subject_id)
        if found is None:
            return False
        name = RATIO if RATIO in found.names else RATIO_BEFORE
        # An older version's vector may lack both.
        ratio = found.value(name) if name in found.names else None
        return isinstance(ratio, int | float) and ratio <= NORMAL_MAX_MILLI

    def _circumstances(self, view: View, facts: Facts, known: Known, ctx: Context) -> Circumstances:
        told = Circumstances(
            preset=known.preset,
            exemption=known.exemption,
            device_is_known=known.device_is_known,
            payee_is_new=known.payee_is_new,
            forced=known.forced,
            lists=known.lists,
            lists_version=known.lists_version,
            credentials_changed_at=known.credentials_changed_at,
        )
        if facts.stage not in COUNTED_AT:
            # After its creation a payment spends nothing more; what it was approved with stands.
            # An account action spends nothing at all.
            return told
        counters = dict.fromkeys(scopes_of(facts), Counter(0, 0))
        for row in view.rows(store.counters_of(facts, ctx.call)):
            counters[row["scope"]] = Counter(row["count"], row["amount_minor"])
        day = day_of(self._strategy.preset(known.preset), ctx.now)
        sums = {
            row["limit_code"]: row["amount_minor"]
            for row in view.rows(store.day_sums_of(facts, ctx.call))
            if row["day"] == day
        }
        level_1 = sums.get(LEVEL_1, 0)
        return msgspec.structs.replace(
            told,
            has_small_consent=known.has_small_consent,
            is_protected=known.is_protected,
            protected_small_allowed=known.protected_small_allowed,
            counters=counters,
            spent_today_minor={1: level_1, 2: level_1 + sums.get(LEVEL_2, 0)},
            static_qr_today_minor=sums.get(STATIC_QR, 0),
            small_limit_minor=known.small_limit_minor,
            merchant_limit_minor=known.merchant_limit_minor,
            scorer=self._scorer_state(ctx),
        )

    def _scorer_state(self, ctx: Context) -> ScorerState:
        """Return whether the strategy's model may score this payment, and in time."""
        model = self._strategy.model
        if model is None:
            return "none"
        if self._scorer is None or _is_refused(model, ctx.call):
            return "down"
        if ctx.left_ns is not None and ctx.left_ns < SCORER_BUDGET_NS:
            return "late"
        return "ready"

    def _spends(
        self, facts: Facts, known: Known, assessment: Assessment, ctx: Context
    ) -> tuple[Counted | None, tuple[Change, ...]]:
        """Return what an approval under an exemption uses up, as guarded statements."""
        use = assessment.exemption
        if use is None:
            return None, ()
        preset = self._strategy.preset(known.preset)
        limits = preset.limits[facts.currency]
        day_limits = {f"level_{day.level}": day.amount_minor_max for day in limits.days}
        codes = [LEVEL_1] if LEVEL_1 in day_limits else []
        if facts.entry == "qr_static" and limits.static_qr_day_minor_max is not None:
            codes.append(STATIC_QR)
            day_limits[STATIC_QR] = limits.static_qr_day_minor_max
        scopes = scopes_of(facts)
        counted = Counted(
            code=use.code,
            scopes={scope: scopes[scope] for scope in use.scopes},
            currency=use.currency,
            amount_minor=use.amount_minor,
            day=day_of(preset, ctx.now),
            limit_codes=tuple(codes),
            payer_key=facts.payer_key,
        )
        return counted, tuple(
            Change(bound=bound) for bound in store.spend(counted, use, day_limits, ctx.call)
        )

    def _again(
        self, record: Record, facts: Facts, known: Known, ctx: Context
    ) -> tuple[Change, ...]:
        """Return what has a judgement made again, where only a score was lacking for it."""
        said, model = record.assessment, self._strategy.model
        is_owed = (
            WITHOUT_SCORE & set(said.degraded)
            and said.outcome in STOPPED
            and facts.stage in COUNTED_AT
            and known.forced is None
        )
        if not is_owed or model is None or _is_refused(model, ctx.call):
            return ()
        insert = store.INSERT_AGAIN(
            tenant_id=ctx.call.tenant_id,
            assessment_id=record.assessment_id,
            merchant_id=ctx.call.merchant_id,
            mode=ctx.call.mode,
            subject_id=record.subject_id,
            judged_at=ctx.now,
            done_at=None,
        )
        return (Change(bound=insert),)

    def first_features(self, view: View, call: Call, subject_id: str) -> FeatureVector | None:
        """Return the features that a payment was first judged by, as they stood then.

        Args:
            view: Holds the row of `normal_read`.
            call: Whose payment it is.
            subject_id: The payment.
        """
        row = view.maybe(self.normal_read(call, subject_id))
        if row is None:
            return None
        return open_features(
            row["features"], assessment_id=row["assessment_id"], sealer=self._sealer
        )

    def _row(self, record: Record, ctx: Context) -> Bound:
        return store.INSERT_ASSESSMENT(
            tenant_id=ctx.call.tenant_id,
            assessment_id=record.assessment_id,
            merchant_id=ctx.call.merchant_id,
            mode=ctx.call.mode,
            subject_id=record.subject_id,
            stage=record.assessment.stage,
            outcome=record.assessment.outcome,
            strategy_id=record.assessment.strategy,
            made_at=ctx.now,
            schema=SCHEMA,
            judged=msgspec.json.encode(record.assessment),
            inputs=record.inputs,
            features=self._sealer.seal(
                record.features,
                bound_to=f"assessments.features:{record.assessment_id}",
                entropy=ctx.entropy,
            ),
            salt=record.salt,
        )


def _is_refused(model: ModelRef, call: Call) -> bool:
    """Say whether a model never scores for a caller.

    What was learned from made-up payments says nothing about anybody's money.
    """
    return model.origin == "simulated" and call.mode == "live"
