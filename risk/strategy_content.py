"""A strategy as one whole: its files, and the canonical bytes that are kept and signed. Pure.

Files are for people, bytes are for the store: both hold the same parts, and what is read from
either went through the checks of `make_strategy`.
"""

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from risk.cold_start import ColdStart
from risk.feature import FeatureSet, load_features
from risk.models.manifest import Manifest, model_id, write_manifest
from risk.policy.costs import Costs
from risk.policy.shapes import EventPolicy, Ladder, Preset, Velocity
from risk.rules.fields import make_fields
from risk.rules.reader import read_rules
from risk.rules.shapes import Rule
from risk.scored import ModelRef
from risk.strategy import (
    ENGINE_VERSION,
    PRESET_CODES,
    Parts,
    Strategy,
    make_strategy,
    packaged_cold_start,
    packaged_costs,
)

FORMAT: Final = 2
# Without costs, cold start and model: what was kept before there were any.
FORMAT_OF_RULES: Final = 1
ABOUT_FILE: Final = "strategy.toml"
LADDER_FILE: Final = "ladder.toml"
VELOCITY_FILE: Final = "velocity.toml"
EVENTS_FILE: Final = "events.toml"
COSTS_FILE: Final = "costs.toml"
COLD_START_FILE: Final = "cold_start.toml"
MODEL_FILE: Final = "model.toml"
PRESETS: Final = "presets/"
RULES: Final = "rules/"
ENDING: Final = ".toml"
FILES_MAX: Final = 1_000
CONTENT_BYTES_MAX: Final = 1 << 20
# What stands beside the strategy in its files and is none of it.
_NOT_OURS: Final = frozenset({"reasons.toml"})
_FILES: Final = frozenset(
    {
        *(ABOUT_FILE, LADDER_FILE, VELOCITY_FILE, EVENTS_FILE),
        *(COSTS_FILE, COLD_START_FILE, MODEL_FILE),
    }
)

Shape = TypeVar("Shape")
Words = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]


class NotAStrategy(ValueError):  # noqa: N818  says what it is not
    """Files or bytes are no strategy that this software can judge by; the sentence says why."""


class WrongFeatures(NotAStrategy):
    """A strategy is made for another feature set than this software computes."""


class About(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What officers say of a strategy. It is signed with the rest and decides nothing.

    Attributes:
        name: What it is called.
        version: Its number, by whoever keeps it.
        owner: Who answers for it: a team or a role.
        notes: Why it is as it is.
    """

    name: Words
    version: Annotated[int, msgspec.Meta(ge=1)]
    owner: Words
    notes: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class _Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every format keeps of a strategy.

    Attributes:
        format: Of these bytes.
        engine_version: Of the code that it was checked by.
        feature_set: Id of the features that it reads.
        presets: In the order of their codes.
        rules: In the order of their files, and inside a file as they stand there.
    """

    format: int
    engine_version: int
    feature_set: str
    about: About
    ladder: Ladder
    presets: tuple[Preset, ...]
    velocity: Velocity
    events: EventPolicy
    rules: tuple[Rule, ...]


class Content(_Kept, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is kept of a strategy, as it is kept today.

    Attributes:
        costs: By which the cheapest outcome is found.
        cold_start: What stands in for a score where there is no model.
        model: None where none has learned yet.
    """

    costs: Costs
    cold_start: ColdStart
    model: ModelRef | None


class _Format(msgspec.Struct, frozen=True):
    """The one member that says how to read the others."""

    format: int


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy that can judge, with what is said of it.

    Attributes:
        content: Its canonical bytes.
    """

    strategy: Strategy
    about: About
    content: bytes


def packaged_files() -> dict[str, bytes]:
    """Return the files of the strategy that comes with the software, by their path."""
    policy = _files(resources.files("risk.policy"), "")
    rules = _files(resources.files("risk.rules") / "starter", RULES)
    return dict(sorted((*policy, *rules)))


def packaged() -> Whole:
    """Return the strategy that comes with the software."""
    return from_files(packaged_files(), load_features())


def model_file(manifest: Manifest) -> bytes:
    """Return `model.toml` for a strategy that a model is to judge by."""
    named = {
        "sha256": model_id(write_manifest(manifest)),
        "origin": manifest.origin,
        "feature_set": manifest.feature_set,
        "inputs": manifest.inputs,
    }
    # Texts, lists of texts and numbers are written in TOML as in JSON.
    lines = [f"{name} = {msgspec.json.encode(said).decode()}" for name, said in named.items()]
    lines += ["", "[priors]"]
    lines += [f"{head} = {float(one)!r}" for head, one in sorted(manifest.priors.items())]
    return "\n".join([*lines, ""]).encode()


def from_files(files: Mapping[str, bytes], features: FeatureSet) -> Whole:
    """Return the strategy of a folder's files.

    Args:
        files: Bytes by path inside the folder, `/` between its parts.
        features: What this software computes.

    Raises:
        NotAStrategy: A file is missing, unknown or malformed, or the parts do not fit.
    """
    if len(files) > FILES_MAX:
        raise NotAStrategy(f"a strategy has at most {FILES_MAX} files")
    for path in files:
        # A file that would be passed over could be the rule that somebody relies on.
        if path not in _FILES and not (path.startswith((PRESETS, RULES)) and path.endswith(ENDING)):
            raise NotAStrategy(f"{path} is no file of a strategy")
    presets = [_parsed(files, path, Preset) for path in sorted(files) if path.startswith(PRESETS)]
    return _whole(
        Content(
            format=FORMAT,
            engine_version=ENGINE_VERSION,
            feature_set=features.id,
            about=_parsed(files, ABOUT_FILE, About),
            ladder=_parsed(files, LADDER_FILE, Ladder),
            presets=tuple(sorted(presets, key=lambda preset: preset.code)),
            velocity=_parsed(files, VELOCITY_FILE, Velocity),
            events=_parsed(files, EVENTS_FILE, EventPolicy),
            rules=_rules(files, features),
            costs=_parsed(files, COSTS_FILE, Costs),
            cold_start=_parsed(files, COLD_START_FILE, ColdStart),
            model=_parsed(files, MODEL_FILE, ModelRef) if MODEL_FILE in files else None,
        ),
        features,
    )


def from_content(content: bytes, features: FeatureSet) -> Whole:
    """Return the strategy of kept bytes, as this software judges by it.

    Its id is another one than when it was kept if the code decides otherwise since; then
    `Whole.content` is other bytes than those given, too.

    Raises:
        WrongFeatures: It is made for other features.
        NotAStrategy: The bytes are none, or this software cannot judge by it.
    """
    found = read_content(content)
    if found.feature_set != features.id:
        raise WrongFeatures(
            f"it is made for feature set {found.feature_set}, and this software has {features.id}"
        )
    now = msgspec.structs.replace(found, format=FORMAT, engine_version=ENGINE_VERSION)
    return _whole(now, features)


def read_content(content: bytes) -> Content:
    """Return what kept bytes say, whether or not this software can judge by it.

    A strategy that was kept before there were costs and a cold start has those of this software.

    Raises:
        NotAStrategy: They are malformed.
    """
    if len(content) > CONTENT_BYTES_MAX:
        raise NotAStrategy(f"a strategy has at most {CONTENT_BYTES_MAX} bytes")
    try:
        kept = msgspec.json.decode(content, type=_Format).format
        if kept == FORMAT_OF_RULES:
            return _completed(msgspec.json.decode(content, type=_Kept))
        if kept == FORMAT:
            return msgspec.json.decode(content, type=Content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAStrategy(f"the content is malformed: {error}") from None
    raise NotAStrategy(f"the content has format {kept}, not {FORMAT_OF_RULES} or {FORMAT}")


def _completed(kept: _Kept) -> Content:
    said = {name: getattr(kept, name) for name in _Kept.__struct_fields__}
    return Content(**said, costs=packaged_costs(), cold_start=packaged_cold_start(), model=None)


def _whole(content: Content, features: FeatureSet) -> Whole:
    missing = set(PRESET_CODES) - {preset.code for preset in content.presets}
    if missing:
        raise NotAStrategy(f"it has no preset {', '.join(sorted(missing))}, which merchants have")
    try:
        strategy = make_strategy(
            Parts(
                features=features,
                ladder=content.ladder,
                presets=content.presets,
                velocity=content.velocity,
                events=content.events,
                rules=content.rules,
                costs=content.costs,
                cold_start=content.cold_start,
                model=content.model,
            )
        )
    except ValueError as error:
        raise NotAStrategy(str(error)) from error
    # Levels are numbers; as members they are written as text.
    plain = msgspec.to_builtins(content, str_keys=True)
    written = msgspec.json.encode(plain, order="sorted")
    if len(written) > CONTENT_BYTES_MAX:
        raise NotAStrategy(f"a strategy has at most {CONTENT_BYTES_MAX} bytes")
    return Whole(strategy=strategy, about=content.about, content=written)


def _rules(files: Mapping[str, bytes], features: FeatureSet) -> tuple[Rule, ...]:
    """Return the rules of all files, each of which passed its own tests."""
    fields = make_fields(features)
    found: list[Rule] = []
    for path in sorted(files):
        if not path.startswith(RULES):
            continue
        read = read_rules(path, files[path], fields)
        for fault in read.faults:
            raise NotAStrategy(f"{fault.file}:{fault.line}:{fault.column}: {fault.what}")
        found += read.rules
    return tuple(found)


def _parsed(files: Mapping[str, bytes], path: str, shape: type[Shape]) -> Shape:
    if path not in files:
        raise NotAStrategy(f"{path} is missing")
    try:
        return msgspec.toml.decode(files[path], type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAStrategy(f"{path}: {error}") from None


def _files(folder: Traversable, under: str) -> Any:
    for entry in folder.iterdir():
        path = f"{under}{entry.name}"
        if entry.is_dir():
            yield from _files(entry, f"{path}/")
        elif path.endswith(ENDING) and path not in _NOT_OURS:
            yield path, entry.read_bytes()
