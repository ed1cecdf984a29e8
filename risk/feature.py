"""What a feature is, and where all of them are found. Declares; never computes, never scores."""

import hashlib
import importlib
import pkgutil
from functools import cached_property
from typing import Final, Literal, get_args

import msgspec

import risk.features
from risk.compiled import Reader, compiled_reads
from risk.facts import Stage
from risk.plan import (
    MAY_BE_OF,
    MUST_BE_OF,
    OF_LABELS,
    WINDOWED,
    Aggregate,
    Plan,
    Reads,
    Want,
    make_plan,
    make_reads,
)
from risk.windows import LATE_S, TIERS, tier_of

Entity = Literal[
    "payer",
    "email",
    "phone",
    "payee",
    "instrument",
    "device",
    "address",
    "ip",
    "ip_24",
    "bin",
    "merchant",
]
# Not looked up by itself: no state is kept of one, but an entity may count how many it came with.
Counted = Literal["issuer_country"]
Other = Literal[Entity, Counted]
# An offset one is a z-score: 10,000 is the mean, and each 1,000 more or less is one deviation.
Unit = Literal[
    "payments",
    "minor",
    "values",
    "thousandths",
    "millionths",
    "seconds",
    "flag",
    "offset_thousandths",
]
# Of a payment. An account action has no amount to compare; policy and rules say what it asks.
EVERY_STAGE: Final[tuple[Stage, ...]] = tuple(one for one in get_args(Stage) if one != "account")
# A payment is counted once, by the assessment that creates it; its later stages add nothing.
COUNTED_AT: Final[frozenset[Stage]] = frozenset({"pre_payment", "payout"})
AT_CREATION: Final[tuple[Stage, ...]] = tuple(one for one in EVERY_STAGE if one in COUNTED_AT)
# Whom a token names: their state can be read at every stage. All others only when a payment is
# made, because a later command says which entities it needs before its payment is looked up.
AT_EVERY_STAGE: Final[frozenset[Entity]] = frozenset({"payer", "device"})
_UNITS: Final[dict[Aggregate, Unit]] = {
    "count": "payments",
    "distinct": "values",
    "declined_share": "thousandths",
    "share": "thousandths",
    "fraud_count": "payments",
    "unexplained_fraud_count": "payments",
    "fraud_share": "thousandths",
    "to_normal": "thousandths",
    "since_last": "seconds",
    "since_first": "seconds",
    "since_abnormal": "seconds",
    "usual_gap": "seconds",
    "to_usual": "thousandths",
    "z": "offset_thousandths",
    "log_z": "offset_thousandths",
    "to_window_mean": "thousandths",
    "window_z": "offset_thousandths",
    "abnormal_count": "payments",
    "abnormal_max": "thousandths",
    "fraud_risk": "millionths",
    "unlabelled": "payments",
    "last_label": "flag",
    "since_fraud": "seconds",
    "since_unexplained_fraud": "seconds",
    "fraud_run": "payments",
    "fraud_run_age": "seconds",
    "unexplained_fraud_run": "payments",
    "unexplained_fraud_run_age": "seconds",
    "genuine_since_fraud": "payments",
}
WINDOWS: Final[dict[str, int]] = {
    "1m": 60,
    "1h": 3_600,
    "24h": 86_400,
    "3d": 3 * 86_400,
    "7d": 7 * 86_400,
    "14d": 14 * 86_400,
    "30d": 30 * 86_400,
    "90d": 90 * 86_400,
}


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence in both languages."""

    en: str
    zh: str


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feature: declared once, computed the same way online and offline.

    Attributes:
        name: Entity, what, aggregate, window: `payer_payment_count_1h`, see `name_of`.
        entity: Whose state it reads.
        aggregate: See risk/plan.py. Amounts are of this payment's currency alone.
        window_s: Whole buckets, see risk/windows.py; 0 for what has no window.
        unit: `minor` units of the payment's currency; shares and ratios are in thousandths.
        of: The other entity: whose different values are counted, or with whom, for a pair. What is
            `Counted` makes no pair.
        stages: Where it may be known.
        source: The events it is a function of.
        version: Grows when the value's meaning changes.
        meaning: For officers, in both languages.
    """

    name: str
    entity: Entity
    aggregate: Aggregate
    window_s: int
    unit: Unit
    stages: tuple[Stage, ...]
    source: str
    version: int
    meaning: Text
    of: Other | None = None


class FeatureSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True):
    """All features of a strategy, by name.

    Attributes:
        id: `fs_` and 12 hexadecimal digits of what the values depend on; prose does not count.
        features: In ascending order of names.
    """

    id: str
    features: tuple[Feature, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names, in the order of a vector."""
        return tuple(feature.name for feature in self.features)

    def feature(self, name: str) -> Feature:
        """Return one feature.

        Raises:
            ValueError: The set has no feature of this name.
        """
        return self.features[self.names.index(name)]

    @cached_property
    def plans(self) -> dict[Entity, Plan]:
        """Return what each entity has to keep; one without features keeps nothing."""
        return {entity: make_plan(wants) for entity, wants in self._wants().items()}

    @cached_property
    def reads(self) -> dict[Stage, dict[Entity, Reads]]:
        """Return what is read at each stage."""
        return {
            stage: {entity: make_reads(wants) for entity, wants in self._wants(stage).items()}
            for stage in get_args(Stage)
        }

    @cached_property
    def readers(self) -> dict[Stage, dict[Entity, Reader]]:
        """Return the same reads, compiled for states of this set's plans."""
        return {
            stage: {entity: compiled_reads(self.plans[entity], one) for entity, one in all_.items()}
            for stage, all_ in self.reads.items()
        }

    @cached_property
    def others(self) -> tuple[Other, ...]:
        """Return the entities that take part in features of another one."""
        return tuple(sorted({one.of for one in self.features if one.of is not None}))

    @cached_property
    def state_id(self) -> str:
        """Return the name of what entities keep: states of another name are built anew."""
        content = [LATE_S, TIERS, sorted(self.plans.items())]
        return f"st_{hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:12]}"

    def _wants(self, stage: Stage | None = None) -> dict[Entity, list[Want]]:
        found: dict[Entity, list[Want]] = {}
        for slot, one in enumerate(self.features):
            if stage is None or stage in one.stages:
                want = Want(slot, one.aggregate, one.window_s, one.of)
                found.setdefault(one.entity, []).append(want)
        return found


def name_of(
    entity: Entity, aggregate: Aggregate, window: str | None = None, of: Other | None = None
) -> str:
    """Return a feature's name: entity, what or with whom, aggregate, window.

    Example:
        >>> name_of("payer", "count", "30d", "payee")
        'payer_payee_payment_count_30d'
        >>> name_of("payer", "to_normal"), name_of("payer", "since_last")
        ('payer_amount_to_normal', 'payer_since_last_s')
    """
    what = {
        "count": "payment_count",
        "sum": "amount_sum",
        "max": "amount_max",
        "mean": "amount_mean",
        "deviation": "amount_deviation",
        "to_normal": "amount_to_normal",
        "since_last": "since_last_s",
        "since_first": "since_first_s",
        "since_abnormal": "since_abnormal_s",
        "usual_gap": "usual_gap_s",
        "to_usual": "amount_to_usual",
        "z": "amount_z",
        "log_z": "amount_log_z",
        "window_mean": "amount_mean",
        "to_window_mean": "amount_to_mean",
        "window_z": "amount_z",
        "since_fraud": "since_fraud_s",
        "since_unexplained_fraud": "since_unexplained_fraud_s",
        "fraud_run_age": "fraud_run_age_s",
        "unexplained_fraud_run_age": "unexplained_fraud_run_age_s",
    }.get(aggregate, aggregate)
    return "_".join(part for part in (entity, of, what, window) if part is not None)


def declare(
    entity: Entity,
    aggregate: Aggregate,
    window: str | None = None,
    *,
    en: str,
    zh: str,
    of: Other | None = None,
) -> Feature:
    """Return a feature of version 1 whose name, unit and stages follow from the rest."""
    return Feature(
        name=name_of(entity, aggregate, window, of),
        entity=entity,
        aggregate=aggregate,
        window_s=WINDOWS[window] if window else 0,
        unit=_UNITS.get(aggregate, "minor"),
        stages=EVERY_STAGE if entity in AT_EVERY_STAGE else AT_CREATION,
        source=("labels told, " if aggregate in OF_LABELS else "")
        + f"payments created, by {entity}"
        + (f" and {of}" if of else ""),
        version=1,
        meaning=Text(en=en, zh=zh),
        of=of,
    )


def load_features() -> FeatureSet:
    """Return the set of every `FEATURE` and all `FEATURES` in the files of `risk.features`.

    A file holds one feature and has its name, or all further features of one entity and has the
    entity's name.

    Raises:
        ValueError: Two features share a name, or one is not in the file of its name.
        AttributeError: A file has neither.
    """
    found: list[Feature] = []
    for module in pkgutil.iter_modules(risk.features.__path__):
        file = importlib.import_module(f"risk.features.{module.name}")
        if module.name in get_args(Entity):
            features: tuple[Feature, ...] = file.FEATURES
            misplaced = [one.name for one in features if one.entity != module.name]
        else:
            features = (file.FEATURE,)
            misplaced = [one.name for one in features if one.name != module.name]
        if misplaced:
            raise ValueError(f"feature {misplaced[0]} is not named after its file {module.name}")
        found += features
    return make_feature_set(found)


def make_feature_set(features: list[Feature]) -> FeatureSet:
    """Return features in order, under an id of what their values depend on.

    Raises:
        ValueError: Two features share a name, a window is none that is kept, or the other entity
            is lacking or is one too many.
    """
    ordered = tuple(sorted(features, key=lambda feature: feature.name))
    if len({feature.name for feature in ordered}) != len(ordered):
        raise ValueError("two features share a name")
    for feature in ordered:
        if feature.aggregate in WINDOWED:
            tier_of(feature.window_s)
        # Nothing would read it, and it would be missing for ever.
        may_be = MUST_BE_OF if feature.of is None else MAY_BE_OF
        is_wrong = (feature.aggregate in may_be) == (feature.of is None)
        is_pair = feature.of in get_args(Counted) and feature.aggregate != "distinct"
        if is_wrong or is_pair or feature.of == feature.entity:
            raise ValueError(f"{feature.name} is of another entity or of none")
    content = [
        [f.name, f.entity, f.aggregate, f.window_s, f.unit, f.stages, f.source, f.version, f.of]
        for f in ordered
    ]
    digest = hashlib.sha256(msgspec.json.encode([LATE_S, TIERS, content])).hexdigest()
    return FeatureSet(id=f"fs_{digest[:12]}", features=ordered)
