"""What payments ask of this room: a judgement, and giving back what one had counted."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import msgspec

from keys.sealing import Sealer
from keys.translog import commitment
from risk import events
from risk.amounts import NORMAL_MAX_MILLI
from risk.assessment import Assessment
from risk.facts import Circumstances, Counter, Facts, Forced
from risk.feature import COUNTED_AT
from risk.lists import ListHit
from risk.strategy import Strategy
from risk.vectors import FeatureVector, entities, observations, vector
from service.db.statements import Bound
from service.rooms.assessments import store
from service.rooms.assessments.model import (
    FORCED,
    LEVEL_1,
    LEVEL_2,
    STATIC_QR,
    Counted,
    Touched,
    as_answered,
    day_of,
    means,
    people,
    scopes_of,
)
from service.state.entities import EntityKey, Observation
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View
from service.unit_of_work.outcome import Change, Entry

__all__ = [
    "FORCED",
    "Counted",
    "Judge",
    "Judged",
    "Known",
    "Touched",
    "as_answered",
    "give_back",
    "last_change",
    "last_change_read",
    "means",
    "open_features",
    "people",
]

SCHEMA: Final = 1
SALT_BYTES: Final = 32
# What says whether an amount was normal for its payer; and what said so before there was that.
RATIO: Final = "payer_amount_to_usual"
RATIO_BEFORE: Final = "payer_amount_to_normal"
_ENCODER: Final = msgspec.json.Encoder(order="sorted")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the rows of other rooms say about a payment; see risk.facts.Circumstances."""

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
    credentials_changed_at: dt.datetime | None = None


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


class Judge:
    """Judges payments under the strategy in force; the writer hands one to its handlers.

    Another strategy comes into force between batches only, so that a batch has one.
    """

    def __init__(self, strategy: Strategy, sealer: Sealer) -> None:
        self._strategy = strategy
        self._sealer = sealer

    @property
    def strategy(self) -> Strategy:
        """The strategy that decides."""
        return self._strategy

    def switch(self, strategy: Strategy) -> None:
        """Judge by another strategy from here on; never called while a batch runs.

        Raises:
            ValueError: It reads other features than those that are kept.
        """
        if strategy.features.id != self._strategy.features.id:
            raise ValueError(f"strategy {strategy.id} reads other features")
        self._strategy = strategy

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
        features = self.features(view, facts, ctx.call)
        circumstances = self._circumstances(view, facts, known, ctx)
        assessment = events.judge(facts, circumstances, features, self._strategy)
        assessment_id = ctx.new_id("asm")
        counted, spends = self._spends(facts, known, assessment, ctx)
        record = _Record(
            assessment_id=assessment_id,
            subject_id=subject_id or assessment_id,
            assessment=assessment,
            inputs=canonical_inputs(facts, circumstances),
            features=_canonical(features),
            salt=ctx.entropy(SALT_BYTES),
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
            changes=(Change(bound=self._row(record, ctx)), *spends),
            entry=_entry(record),
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
        row = view.maybe(self.normal_read(call, subject_id))
        if row is None:
            return False
        found = open_features(
            row["features"], assessment_id=row["assessment_id"], sealer=self._sealer
        )
        name = RATIO if RATIO in found.names else RATIO_BEFORE
        # An older version's vector may lack both.
        ratio = found.value(name) if name in found.names else None
        return isinstance(ratio, int | float) and ratio <= NORMAL_MAX_MILLI

    def _circumstances(self, view: View, facts: Facts, known: Known, ctx: Context) -> Circumstances:
        if facts.stage not in COUNTED_AT:
            # After its creation a payment spends nothing more; what it was approved with stands.
            # An account action spends nothing at all.
            return Circumstances(
                preset=known.preset,
                exemption=known.exemption,
                device_is_known=known.device_is_known,
                payee_is_new=known.payee_is_new,
                forced=known.forced,
                lists=known.lists,
                credentials_changed_at=known.credentials_changed_at,
            )
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
        return Circumstances(
            preset=known.preset,
            exemption=known.exemption,
            has_small_consent=known.has_small_consent,
            is_protected=known.is_protected,
            protected_small_allowed=known.protected_small_allowed,
            device_is_known=known.device_is_known,
            payee_is_new=known.payee_is_new,
            counters=counters,
            spent_today_minor={1: level_1, 2: level_1 + sums.get(LEVEL_2, 0)},
            static_qr_today_minor=sums.get(STATIC_QR, 0),
            forced=known.forced,
            small_limit_minor=known.small_limit_minor,
            merchant_limit_minor=known.merchant_limit_minor,
            lists=known.lists,
            credentials_changed_at=known.credentials_changed_at,
        )

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

    def _row(self, record: "_Record", ctx: Context) -> Bound:
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


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt's parts: what is stored, and what the log commits to."""

    assessment_id: str
    subject_id: str
    assessment: Assessment
    inputs: bytes
    features: bytes
    salt: bytes


def canonical_inputs(facts: Facts, circumstances: Circumstances) -> bytes:
    """Return the canonical bytes (RFC 8785) of everything a judgement was made from."""
    # Levels are numbers; as members they are written as text.
    known = msgspec.to_builtins(circumstances, str_keys=True)
    return _canonical({"facts": facts, "circumstances": known})


def _canonical(value: object) -> bytes:
    """Return canonical bytes of values whose names are ASCII and whose numbers are integers.

    For those msgspec's sorted encoding gives the bytes of RFC 8785; a test holds the two equal.
    """
    return _ENCODER.encode(value)


def open_features(sealed: bytes, *, assessment_id: str, sealer: Sealer) -> FeatureVector:
    """Return the feature vector of a stored assessment.

    Raises:
        keys.sealing.NotOpened: The key is another one, or the row was changed.
    """
    plain = sealer.open(sealed, bound_to=f"assessments.features:{assessment_id}")
    return msgspec.json.decode(plain, type=FeatureVector)


def give_back(counted: Counted, call: Call) -> tuple[Change, ...]:
    """Return the changes that give an exemption back; the caller guards that it happens once."""
    return tuple(Change(bound=bound) for bound in store.give_back(counted, call))


def last_change_read(call: Call, payer_key: str) -> Bound:
    """Return the read to declare for `last_change`."""
    return store.LAST_CHANGE(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        payer_key=payer_key,
    )


def last_change(view: View, call: Call, payer_key: str) -> dt.datetime | None:
    """Return when a payer's newest change of a credential took effect; None if none is known."""
    row = view.maybe(last_change_read(call, payer_key))
    return None if row is None else row["credentials_changed_at"]


def _entry(record: _Record) -> Entry:
    judged = record.assessment
    is_own = record.subject_id == record.assessment_id
    return Entry(
        kind="assessment.made" if is_own else "payment.assessed",
        subject=record.assessment_id,
        payment=None if is_own else record.subject_id,
        strategy=judged.strategy,
        fields={
            "stage": judged.stage,
            "outcome": judged.outcome,
            "level": judged.level,
            "reason": judged.reason_code,
            "degraded": list(judged.degraded),
            "liability": judged.liability,
            "exemption": judged.exemption.code if judged.exemption else None,
            "feature_set": judged.feature_set,
            # Salted, so that the log says nothing about a payer whose salt was destroyed.
            "inputs": commitment(record.salt, record.inputs).hex(),
            "features": commitment(record.salt, record.features).hex(),
        },
    )
