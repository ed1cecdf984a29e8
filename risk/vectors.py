"""From facts and entity states to a vector of features, and its check. Never a 0 for an unknown."""

import datetime as dt
import math
from collections.abc import Mapping
from typing import Final, Literal, Protocol, get_args

import msgspec

from risk.compiled import Reader
from risk.entity_state import EntityState
from risk.facts import Facts, Stage
from risk.feature import AT_EVERY_STAGE, COUNTED_AT, Entity, FeatureSet, Other, name_of
from risk.history import keyed
from risk.plan import Reads
from risk.reading import Asked, Unknown
from risk.windows import second_of

MissingReason = Literal[
    "no_email",
    "no_phone",
    "no_instrument",
    "no_device",
    "no_address",
    "no_ip",
    "no_bin",
    "no_merchant",
    "no_history",
    "not_at_stage",
    "not_loaded",
    "outside_kept_range",
]


class Missing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that is not known, and why."""

    missing: MissingReason


Value = int | float | Missing


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


_USUAL: Final = name_of("payer", "to_usual")
_NOT_AT_STAGE: Final = Missing("not_at_stage")
_NOT_LOADED: Final = Missing("not_loaded")
_UNKNOWN: Final[dict[Unknown, Missing]] = {why: Missing(why) for why in get_args(Unknown)}
# What a value says whose entity the payment does not have.
_ABSENT: Final[dict[str, Missing]] = {
    "email": Missing("no_email"),
    "phone": Missing("no_phone"),
    "instrument": Missing("no_instrument"),
    "device": Missing("no_device"),
    "address": Missing("no_address"),
    "ip": Missing("no_ip"),
    "ip_24": Missing("no_ip"),
    "bin": Missing("no_bin"),
    "merchant": Missing("no_merchant"),
}


class Observation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one payment adds to the state of one entity, after it was judged.

    Attributes:
        is_declined: What we said of it; None where that is not known.
        others: Kind -> key of every entity of the payment, this one too, and of what is only
            counted.
        ratio_milli: The amount in thousandths of what was usual for its payer; None where that is
            not known.
    """

    kind: Entity
    key: str
    at: dt.datetime
    amount_minor: int
    currency: str
    is_declined: bool | None = None
    others: dict[str, str] = {}
    ratio_milli: int | None = None


class Involves(Protocol):
    """What says which entities a payment involves; `Facts` does."""

    @property
    def stage(self) -> Stage:
        """When it is judged."""
        ...

    @property
    def payer_key(self) -> str:
        """What stands for the payer."""
        ...

    @property
    def payee_id(self) -> str | None:
        """Who is paid; None for an account action that pays nobody."""
        ...

    @property
    def email_key(self) -> str | None:
        """The payer's e-mail address, as a pseudonym."""
        ...

    @property
    def phone_key(self) -> str | None:
        """The payer's phone number, as a pseudonym."""
        ...

    @property
    def instrument_id(self) -> str | None:
        """What pays."""
        ...

    @property
    def instrument_bin(self) -> str | None:
        """The card's first digits."""
        ...

    @property
    def device_id(self) -> str | None:
        """The payer's device."""
        ...

    @property
    def shipping_address_id(self) -> str | None:
        """Where the order goes."""
        ...

    @property
    def ip_keys(self) -> tuple[str, ...]:
        """Pseudonyms of networks and address, widest first."""
        ...

    @property
    def merchant_id(self) -> str | None:
        """Who asks."""
        ...


def _involved(facts: Involves) -> dict[Entity, str]:
    networks = facts.ip_keys
    found: dict[Entity, str | None] = {
        "payer": facts.payer_key,
        "device": facts.device_id,
        "instrument": facts.instrument_id,
        "payee": facts.payee_id,
        "email": facts.email_key,
        "phone": facts.phone_key,
        "address": facts.shipping_address_id,
        "ip": networks[-1] if networks else None,
        # The next wider network: a /24, or a /64 of IPv6.
        "ip_24": networks[-2] if len(networks) > 1 else None,
        "bin": facts.instrument_bin,
        "merchant": facts.merchant_id,
    }
    return {kind: key for kind, key in found.items() if key is not None}


def _others(facts: Facts, found: dict[Entity, str]) -> dict[Other, str]:
    """Return all that an entity may have come with: the entities, and what is only counted."""
    others: dict[Other, str] = dict(found.items())
    if facts.instrument_issuer_country is not None:
        others["issuer_country"] = facts.instrument_issuer_country
    return others


def entities(facts: Involves) -> tuple[tuple[Entity, str], ...]:
    """Return the kind and key of every entity whose state this payment reads at its stage."""
    found = _involved(facts)
    if facts.stage in COUNTED_AT:
        return tuple(found.items())
    if facts.stage == "account":
        return ()
    return tuple((kind, key) for kind, key in found.items() if kind in AT_EVERY_STAGE)


def observations(
    facts: Facts, *, is_declined: bool | None = None, features: FeatureVector | None = None
) -> tuple[Observation, ...]:
    """Return what to add to entity states once this payment was judged, whatever the outcome.

    Refused payments count as well: a run of them is what card testing looks like.

    Args:
        facts: The payment.
        is_declined: What was said of it; None where that is not known.
        features: What was read for it before; None where nothing was.
    """
    if facts.stage not in COUNTED_AT:
        return ()
    found = _involved(facts)
    others: dict[str, str] = {str(kind): key for kind, key in _others(facts, found).items()}
    ratio = None if features is None else usual_ratio(features)
    return tuple(
        Observation(
            kind,
            key,
            facts.occurred_at,
            facts.amount_minor,
            facts.currency,
            is_declined,
            others,
            ratio,
        )
        for kind, key in found.items()
    )


def usual_ratio(features: FeatureVector) -> int | None:
    """Return the amount in thousandths of what was usual for its payer; None for not known."""
    if _USUAL not in features.names:
        # Vectors of before there was such a feature.
        return None
    ratio = features.value(_USUAL)
    return ratio if isinstance(ratio, int) else None


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
    found = _involved(facts)
    values: list[Value] = [_NOT_AT_STAGE] * len(features.features)
    others = _others(facts, found)
    asked = Asked(
        second=second_of(facts.occurred_at),
        currency=facts.currency,
        amount_minor=facts.amount_minor,
        others={kind: keyed(others[kind]) for kind in features.others if kind in others},
        into=values,
        missing=_UNKNOWN,
    )
    readers = features.readers[facts.stage]
    for kind, reads in features.reads[facts.stage].items():
        key = found.get(kind)
        if key is None:
            _fill(values, reads, _ABSENT[kind])
            continue
        state = states.get((kind, key))
        if state is None:
            _fill(values, reads, _NOT_LOADED)
            continue
        _read(state, reads, asked, readers[kind])
    return FeatureVector(feature_set=features.id, names=features.names, values=tuple(values))


def entity_values(
    kind: Entity, state: EntityState, asked: Asked, features: FeatureSet
) -> dict[str, Value]:
    """Return name -> value of one entity's features, read as when a payment is made.

    Args:
        kind: Of the entity.
        state: Its state.
        asked: The payment that might be made; where its values go is left out. An entity that it
            lacks makes the features of its pair with this one missing.
        features: The set.
    """
    values: list[Value] = [_NOT_AT_STAGE] * len(features.features)
    reads = features.reads["pre_payment"][kind]
    to_fill = msgspec.structs.replace(asked, into=values, missing=_UNKNOWN)
    _read(state, reads, to_fill, features.readers["pre_payment"][kind])
    return {features.names[slot]: values[slot] for slot in sorted(reads.slots)}


def _read(state: EntityState, reads: Reads, asked: Asked, reader: Reader) -> None:
    for slot, of in reads.pairs:
        if of not in asked.others:
            asked.into[slot] = _ABSENT.get(of, _NOT_LOADED)
    state.read(reads, asked, reader)


def _fill(values: list[int | float | Missing], reads: Reads, why: Missing) -> None:
    for slot in reads.slots:
        values[slot] = why


def is_sound(found: FeatureVector, features: FeatureSet) -> bool:
    """Return whether a vector is complete, in order, finite and in range.

    A missing value with its reason is sound; a value that is no number, negative or out of its
    place is not, and must never reach a scorer: XGBoost would score it without complaint.
    """
    if found.feature_set != features.id or found.names != features.names:
        return False
    if len(found.values) != len(found.names):
        return False
    for one in found.values:
        # Nearly all are plain integers or missing, which need no second look.
        if one.__class__ is int:
            if one < 0:
                return False
        elif one.__class__ is not Missing and not _is_sound(one):
            return False
    return True


def _is_sound(value: float | Missing) -> bool:
    return isinstance(value, Missing) or (math.isfinite(value) and value >= 0)
