"""From facts and entity states to a vector of features, and its check. Never a 0 for an unknown."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Final, Literal, Protocol

import msgspec

from risk.facts import Facts, Stage
from risk.feature import Entity, Feature, FeatureSet
from risk.windows import EntityState

# A payment is counted once, by the assessment that creates it; its later stages add nothing.
COUNTED_AT: Final[frozenset[Stage]] = frozenset({"pre_payment", "payout"})
MissingReason = Literal["no_device", "not_at_stage", "not_loaded", "outside_kept_range"]


class Missing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that is not known, and why."""

    missing: MissingReason


class FeatureVector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Values of a feature set for one payment.

    Attributes:
        feature_set: Id of the set.
        names: In the set's order.
        values: One for each name.
    """

    feature_set: str
    names: tuple[str, ...]
    values: tuple[int | float | Missing, ...]

    def value(self, name: str) -> int | float | Missing:
        """Return one value.

        Raises:
            ValueError: There is no such name.
        """
        return self.values[self.names.index(name)]


class Observation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one payment adds to the state of one entity, after it was judged."""

    kind: Entity
    key: str
    at: dt.datetime
    amount_minor: int
    currency: str


class Involves(Protocol):
    """What says which entities a payment involves; `Facts` does."""

    @property
    def payer_key(self) -> str:
        """What stands for the payer."""
        ...

    @property
    def device_id(self) -> str | None:
        """The payer's device."""
        ...


def entities(facts: Involves) -> tuple[tuple[Entity, str], ...]:
    """Return the kind and key of every entity whose state this payment reads."""
    payer: tuple[Entity, str] = ("payer", facts.payer_key)
    if facts.device_id is None:
        return (payer,)
    return (payer, ("device", facts.device_id))


def observations(facts: Facts) -> tuple[Observation, ...]:
    """Return what to add to entity states once this payment was judged, whatever the outcome.

    Refused payments count as well: a run of them is what card testing looks like.
    """
    if facts.stage not in COUNTED_AT:
        return ()
    return tuple(
        Observation(kind, key, facts.occurred_at, facts.amount_minor, facts.currency)
        for kind, key in entities(facts)
    )


def vector(
    facts: Facts, states: Mapping[tuple[Entity, str], EntityState], features: FeatureSet
) -> FeatureVector:
    """Return the values of all features for a payment, from what was counted before it.

    Args:
        facts: The payment.
        states: The state of each of `entities(facts)`; an empty `EntityState` for one never seen.
            One that is absent makes its features missing, not 0.
        features: The set, in whose order the values stand.
    """
    by_kind = {kind: states.get((kind, key)) for kind, key in entities(facts)}
    return FeatureVector(
        feature_set=features.id,
        names=features.names,
        values=tuple(_value(feature, facts, by_kind) for feature in features.features),
    )


def _value(
    feature: Feature, facts: Facts, by_kind: dict[Entity, EntityState | None]
) -> int | Missing:
    if facts.stage not in feature.stages:
        return Missing("not_at_stage")
    if feature.entity not in by_kind:
        return Missing("no_device")
    state = by_kind[feature.entity]
    if state is None:
        return Missing("not_loaded")
    if feature.aggregate == "count":
        value = state.count(facts.occurred_at, feature.window_s)
    else:
        value = state.sum(facts.occurred_at, feature.window_s, facts.currency)
    return Missing("outside_kept_range") if value is None else value


def is_sound(found: FeatureVector, features: FeatureSet) -> bool:
    """Return whether a vector is complete, in order, finite and in range.

    A missing value with its reason is sound; a value that is no number, negative or out of its
    place is not, and must never reach a scorer: XGBoost would score it without complaint.
    """
    return (
        found.feature_set == features.id
        and found.names == features.names
        and len(found.values) == len(found.names)
        and all(_is_sound(value) for value in found.values)
    )


def _is_sound(value: float | Missing) -> bool:
    return isinstance(value, Missing) or (math.isfinite(value) and value >= 0)
