"""The versioned whole that decides, read from the packaged data. Never changes once it is built."""

import hashlib
from functools import cached_property
from importlib import resources
from typing import Final, get_args

import msgspec

from risk.cold_start import ColdStart, check_cold_start, names_read
from risk.facts import Action, ChangeOf
from risk.feature import FeatureSet, load_features
from risk.models.inputs import Inputs, make_inputs
from risk.models.manifest import HEADS, HeadName
from risk.policy.costs import Costs, check_costs
from risk.policy.shapes import EventPolicy, Grounds, Ladder, Preset, RiskLevel, Velocity
from risk.rules.fields import make_fields
from risk.rules.reader import load_starter_rules
from risk.rules.runner import Runner
from risk.rules.shapes import Rule
from risk.scored import ModelRef

# Grows when the code decides otherwise over the same data; old decisions name the old number.
ENGINE_VERSION: Final = 4
FACTORS: Final = frozenset({"password", "otp", "passkey", "spc", "guardian", "three_ds"})
LEVELS: Final = (0, 1, 2, 3, 4)
# Merchants name one of them, so that a strategy without it could not judge their payments.
PRESET_CODES: Final = ("judge_only", "CN")
HOLD_S_MIN: Final = 60
HOLD_S_MAX: Final = 90 * 86_400
DAY_MINUTES: Final = 24 * 60


class Strategy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, dict=True):
    """Everything a decision depends on besides its inputs.

    Attributes:
        id: `str_` and 12 hexadecimal digits of all the rest.
        engine_version: Of the code.
        presets: By code.
        rules: In the order in which they are looked at and told.
        costs: By which the cheapest outcome is found.
        cold_start: What stands in for a score where there is no model.
        model: None where none has learned yet.
    """

    id: str
    engine_version: int
    features: FeatureSet
    ladder: Ladder
    presets: dict[str, Preset]
    velocity: Velocity
    rules: tuple[Rule, ...]
    events: EventPolicy
    costs: Costs
    cold_start: ColdStart
    model: ModelRef | None = None

    @cached_property
    def runner(self) -> Runner:
        """Return the rules compiled; ValueError where one does not fit."""
        return Runner(self.rules, make_fields(self.features))

    @cached_property
    def listing_rules(self) -> dict[str, Rule]:
        """Return the rules that put something on a list, by code."""
        return {rule.code: rule for rule in self.rules if rule.list is not msgspec.UNSET}

    @cached_property
    def inputs(self) -> Inputs:
        """Return what makes the model's rows; NotAModel where one cannot be made, or none is."""
        return make_inputs(() if self.model is None else self.model.inputs, self.features)

    @cached_property
    def cold_start_slots(self) -> tuple[int, ...]:
        """Return where in a vector the features stand that the cold start reads, in its order."""
        return tuple(self.features.names.index(name) for name in names_read(self.cold_start))

    @cached_property
    def priors(self) -> dict[HeadName, float]:
        """Return how likely each harm is where the model has no head for it."""
        return _priors(self.model, self.costs)

    def preset(self, code: str) -> Preset:
        """Return a preset.

        Raises:
            LookupError: The strategy has no preset of this code.
        """
        if code not in self.presets:
            raise LookupError(f"strategy {self.id} has no preset {code}")
        return self.presets[code]


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a strategy is made of."""

    features: FeatureSet
    ladder: Ladder
    presets: tuple[Preset, ...]
    velocity: Velocity
    events: EventPolicy
    rules: tuple[Rule, ...]
    costs: Costs
    cold_start: ColdStart
    model: ModelRef | None = None


def load_strategy() -> Strategy:
    """Return the strategy that comes with this version of the software.

    Raises:
        ValueError: The data contradict themselves.
    """
    folder = resources.files("risk.policy")
    presets = [
        msgspec.toml.decode(file.read_bytes(), type=Preset)
        for file in sorted((folder / "presets").iterdir(), key=lambda file: file.name)
        if file.name.endswith(".toml")
    ]
    features = load_features()
    return make_strategy(
        Parts(
            features=features,
            ladder=msgspec.toml.decode((folder / "ladder.toml").read_bytes(), type=Ladder),
            presets=tuple(presets),
            velocity=msgspec.toml.decode((folder / "velocity.toml").read_bytes(), type=Velocity),
            events=msgspec.toml.decode((folder / "events.toml").read_bytes(), type=EventPolicy),
            rules=load_starter_rules(make_fields(features)),
            costs=packaged_costs(),
            cold_start=packaged_cold_start(),
        )
    )


def packaged_costs() -> Costs:
    """Return the costs that come with this version of the software."""
    file = resources.files("risk.policy") / "costs.toml"
    return msgspec.toml.decode(file.read_bytes(), type=Costs)


def packaged_cold_start() -> ColdStart:
    """Return the cold start that comes with this version of the software."""
    file = resources.files("risk.policy") / "cold_start.toml"
    return msgspec.toml.decode(file.read_bytes(), type=ColdStart)


def make_strategy(parts: Parts) -> Strategy:
    """Return a strategy under the id of its content, after checking that its parts fit.

    Raises:
        ValueError: They do not; the sentence says where.
    """
    _check(parts)
    by_code = {preset.code: preset for preset in parts.presets}
    rest = [parts.ladder, by_code, parts.velocity, parts.events, parts.rules]
    content = [ENGINE_VERSION, parts.features.id, *rest, parts.costs, parts.cold_start, parts.model]
    plain = msgspec.to_builtins(content, str_keys=True)
    digest = hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()
    strategy = Strategy(
        id=f"str_{digest[:12]}",
        engine_version=ENGINE_VERSION,
        features=parts.features,
        ladder=parts.ladder,
        presets=by_code,
        velocity=parts.velocity,
        rules=parts.rules,
        events=parts.events,
        costs=parts.costs,
        cold_start=parts.cold_start,
        model=parts.model,
    )
    # A rule or a model that does not fit is found here, not at the first payment.
    assert strategy.runner
    assert strategy.model is None or strategy.inputs
    return strategy


def parts_of(strategy: Strategy) -> Parts:
    """Return what a strategy is made of, to make another one with a part replaced."""
    return Parts(
        features=strategy.features,
        ladder=strategy.ladder,
        presets=tuple(strategy.presets.values()),
        velocity=strategy.velocity,
        events=strategy.events,
        rules=strategy.rules,
        costs=strategy.costs,
        cold_start=strategy.cold_start,
        model=strategy.model,
    )


def figures(preset: Preset) -> set[str]:
    """Return the names of a preset's legal figures, each of which needs a source line."""
    found: set[str] = set()
    for limits in preset.limits.values():
        found.update(f"days.{day.level}" for day in limits.days)
        if limits.exemption is not None:
            found.add("exemption")
        if limits.static_qr_day_minor_max is not None:
            found.add("static_qr_day_minor_max")
    return found


def _check(parts: Parts) -> None:
    _check_ladder(parts.ladder)
    for preset in parts.presets:
        _check_preset(preset)
    if len({preset.code for preset in parts.presets}) != len(parts.presets):
        raise ValueError("two presets share a code")
    if parts.velocity.feature not in parts.features.names:
        raise ValueError(f"velocity limit {parts.velocity.code} names no feature")
    _check_events(parts.events)
    check_costs(parts.costs)
    check_cold_start(parts.cold_start, parts.features)
    if parts.model is not None:
        _check_model(parts.model, parts)


def _check_model(model: ModelRef, parts: Parts) -> None:
    if model.feature_set != parts.features.id:
        raise ValueError(
            f"model {model.sha256} is made for feature set {model.feature_set}, and this strategy"
            f" has {parts.features.id}"
        )
    if sum(_priors(model, parts.costs).values()) >= 1.0:
        raise ValueError(f"priors of model {model.sha256} leave nothing for what is normal")


def _priors(model: ModelRef | None, costs: Costs) -> dict[HeadName, float]:
    own = {} if model is None else model.priors
    return {head: own.get(head, costs.priors_ppm[head] / 1_000_000.0) for head in HEADS}


def _check_ladder(ladder: Ladder) -> None:
    if tuple(sorted(ladder.levels)) != LEVELS:
        raise ValueError("the ladder has exactly the levels 0 to 4")
    for level, rung in ladder.levels.items():
        factors = {word for proof in (*rung.any_of, *rung.any_of_card) for word in proof.split("+")}
        if not factors <= FACTORS:
            raise ValueError(f"level {level} of the ladder names an unknown factor")
        if level and not rung.any_of:
            raise ValueError(f"level {level} of the ladder has no proof")
    if set(ladder.holds) != set(get_args(Grounds)):
        raise ValueError("the ladder says of each kind of hold how long it lasts")
    if any(not HOLD_S_MIN <= one.duration_s <= HOLD_S_MAX for one in ladder.holds.values()):
        raise ValueError(f"a hold lasts from {HOLD_S_MIN} to {HOLD_S_MAX} seconds")
    by_risk = [ladder.risk.get(level, -1) for level in get_args(RiskLevel)]
    if by_risk[0] != 0 or by_risk != sorted(by_risk):
        raise ValueError("higher risk asks for no lower level")


def _check_events(events: EventPolicy) -> None:
    if set(events.actions) != set(get_args(Action)):
        raise ValueError("each account action has its levels")
    for action, levels in events.actions.items():
        expected = set(get_args(ChangeOf)) if action == "account_change" else set()
        if set(levels.changes) != expected:
            raise ValueError(f"{action} has levels for exactly what it can change")


def _check_preset(preset: Preset) -> None:
    if preset.asks_level != (preset.levels is not None) or (
        preset.limits and not preset.asks_level
    ):
        raise ValueError(f"preset {preset.code} has levels and limits where it asks for levels")
    if abs(preset.day_offset_minutes) >= DAY_MINUTES:
        raise ValueError(f"preset {preset.code} has days that begin within {DAY_MINUTES} minutes")
    if figures(preset) != {source.figure for source in preset.sources}:
        raise ValueError(f"preset {preset.code} has one source line for each legal figure")
    for currency, limits in preset.limits.items():
        days = [(day.level, day.amount_minor_max) for day in limits.days]
        levels, amounts = [day[0] for day in days], [day[1] for day in days]
        if not days or levels != sorted(set(levels)) or amounts != sorted(amounts):
            raise ValueError(f"preset {preset.code} has rising day limits in {currency}")
