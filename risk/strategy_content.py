"""A strategy as one whole: its files, and the canonical bytes that are kept and signed. Pure.

Files are for people, bytes are for the store: both hold the same parts, and what is read from
either went through the checks of `make_strategy`.
"""

from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Final, TypeVar

import msgspec

from risk.feature import FeatureSet, load_features
from risk.policy.shapes import EventPolicy, Ladder, Preset, Velocity
from risk.rules.fields import make_fields
from risk.rules.reader import read_rules
from risk.rules.shapes import Rule
from risk.strategy import ENGINE_VERSION, PRESET_CODES, Strategy, make_strategy

FORMAT: Final = 1
ABOUT_FILE: Final = "strategy.toml"
LADDER_FILE: Final = "ladder.toml"
VELOCITY_FILE: Final = "velocity.toml"
EVENTS_FILE: Final = "events.toml"
PRESETS: Final = "presets/"
RULES: Final = "rules/"
ENDING: Final = ".toml"
FILES_MAX: Final = 1_000
CONTENT_BYTES_MAX: Final = 1 << 20
# What stands beside the strategy in its files and is none of it.
_NOT_OURS: Final = frozenset({"reasons.toml"})

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


class Content(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that is kept of a strategy.

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
    known = (ABOUT_FILE, LADDER_FILE, VELOCITY_FILE, EVENTS_FILE)
    for path in files:
        # A file that would be passed over could be the rule that somebody relies on.
        if path not in known and not (path.startswith((PRESETS, RULES)) and path.endswith(ENDING)):
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
    return _whole(msgspec.structs.replace(found, engine_version=ENGINE_VERSION), features)


def read_content(content: bytes) -> Content:
    """Return what kept bytes say, whether or not this software can judge by it.

    Raises:
        NotAStrategy: They are malformed.
    """
    if len(content) > CONTENT_BYTES_MAX:
        raise NotAStrategy(f"a strategy has at most {CONTENT_BYTES_MAX} bytes")
    try:
        found = msgspec.json.decode(content, type=Content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAStrategy(f"the content is malformed: {error}") from None
    if found.format != FORMAT:
        raise NotAStrategy(f"the content has format {found.format}, not {FORMAT}")
    return found


def _whole(content: Content, features: FeatureSet) -> Whole:
    missing = set(PRESET_CODES) - {preset.code for preset in content.presets}
    if missing:
        raise NotAStrategy(f"it has no preset {', '.join(sorted(missing))}, which merchants have")
    try:
        strategy = make_strategy(
            features=features,
            ladder=content.ladder,
            presets=list(content.presets),
            velocity=content.velocity,
            events=content.events,
            rules=content.rules,
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
