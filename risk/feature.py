"""What a feature is, and where all of them are found. Declares; never computes, never scores."""

import hashlib
import importlib
import pkgutil
from typing import Final, Literal, get_args

import msgspec

import risk.features
from risk.facts import Stage
from risk.windows import LATE_S, TIERS, tier_of

Entity = Literal["payer", "device"]
EVERY_STAGE: Final[tuple[Stage, ...]] = get_args(Stage)


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence in both languages."""

    en: str
    zh: str


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feature: declared once, computed the same way online and offline.

    Attributes:
        name: Entity, what, aggregate, window: `payer_payment_count_1h`.
        entity: Whose state it reads.
        aggregate: `count` of payments, or `sum` of their amounts in this payment's currency.
        window_s: Whole buckets, see risk/windows.py.
        unit: `payments`, or `minor` units of the payment's currency.
        stages: Where it may be known.
        source: The events it is a function of.
        version: Grows when the value's meaning changes.
        meaning: For officers, in both languages.
    """

    name: str
    entity: Entity
    aggregate: Literal["count", "sum"]
    window_s: int
    unit: Literal["payments", "minor"]
    stages: tuple[Stage, ...]
    source: str
    version: int
    meaning: Text


class FeatureSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All features of a strategy, by name.

    Attributes:
        id: `fs_` and 12 hexadecimal digits of what the values depend on; prose does not count.
        features: In ascending order of names.
    """

    id: str
    features: tuple[Feature, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, in the order of a vector."""
        return tuple(feature.name for feature in self.features)

    def feature(self, name: str) -> Feature:
        """Return one feature.

        Raises:
            ValueError: The set has no feature of this name.
        """
        return self.features[self.names.index(name)]


def load_features() -> FeatureSet:
    """Return the set of every `FEATURE` in the files of `risk.features`.

    Raises:
        ValueError: Two features share a name, or one is not named after its file.
        AttributeError: A file has no `FEATURE`.
    """
    found = []
    for module in pkgutil.iter_modules(risk.features.__path__):
        feature: Feature = importlib.import_module(f"risk.features.{module.name}").FEATURE
        if feature.name != module.name:
            raise ValueError(f"feature {feature.name} is not named after its file {module.name}")
        found.append(feature)
    return make_feature_set(found)


def make_feature_set(features: list[Feature]) -> FeatureSet:
    """Return features in order, under an id of what their values depend on.

    Raises:
        ValueError: Two features share a name, or a window is none that is kept.
    """
    ordered = tuple(sorted(features, key=lambda feature: feature.name))
    if len({feature.name for feature in ordered}) != len(ordered):
        raise ValueError("two features share a name")
    for feature in ordered:
        tier_of(feature.window_s)
    content = [
        [f.name, f.entity, f.aggregate, f.window_s, f.unit, f.stages, f.source, f.version]
        for f in ordered
    ]
    digest = hashlib.sha256(msgspec.json.encode([LATE_S, TIERS, content])).hexdigest()
    return FeatureSet(id=f"fs_{digest[:12]}", features=ordered)
