"""Lists everything that is wrong with a value against its contract. Error path only; no echoes."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema
import msgspec

from service.kernel.errors import FieldError
from service.kernel.money import Instant

ERRORS_MAX: Final = 100
# Each costs some 20 us to find; many may be told as one (all members of a free-form object).
VIOLATIONS_MAX: Final = 400

_CODES: Final = {
    "type": "wrong_type",
    "additionalProperties": "unknown_field",
    "enum": "not_allowed",
    "const": "not_allowed",
    "anyOf": "not_allowed",
    "minLength": "too_short",
    "minItems": "too_short",
    "minProperties": "too_short",
    "maxLength": "too_long",
    "maxItems": "too_long",
    "maxProperties": "too_long",
    "minimum": "out_of_range",
    "maximum": "out_of_range",
    "exclusiveMinimum": "out_of_range",
    "exclusiveMaximum": "out_of_range",
    "multipleOf": "out_of_range",
    "pattern": "bad_format",
    "format": "bad_format",
}

# How msgspec words what it refuses, for what JSON Schema lets pass. First match wins.
_WORDINGS: Final = (
    (re.compile(r"Object missing required field `(?P<name>\w+)`"), "missing_field"),
    (re.compile(r"Object contains unknown field "), "unknown_field"),
    (re.compile(r"Expected `[^`]*`, got "), "wrong_type"),
    (re.compile(r"Expected `[^`]*` of length <="), "too_long"),
    (re.compile(r"Expected `[^`]*` of length"), "too_short"),
    (re.compile(r"Expected `[^`]*` (?:[<>]|that's a multiple)|.*out of range"), "out_of_range"),
    (re.compile(r"Invalid (?:enum )?value "), "not_allowed"),
    (re.compile(r"Invalid |Expected "), "bad_format"),
)
_INCONSISTENT: Final = "inconsistent"
_PATH: Final = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]|(?P<map>\[\.\.\.\])")


class Schema:
    """The JSON Schema that msgspec generates for a contract, as strict as msgspec itself.

    Names that a caller invented are values too: a pointer goes no further than the last name
    that the contract knows.
    """

    def __init__(self, kind: type[msgspec.Struct]) -> None:
        """Build the validator.

        Raises:
            ValueError: A pattern has a `$` elsewhere than at its end.
        """
        (root,), components = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
        self.properties: Final[Mapping[str, Any]] = components[kind.__name__]["properties"]
        self._names: Final = frozenset(
            name for one in components.values() for name in one.get("properties", ())
        )
        for pattern in _patterns(components):
            _to_the_very_end(pattern)
        self._validator: Final = _Validator(
            {**root, "$defs": components}, format_checker=_formats()
        )

    def errors(self, tree: Any) -> list[FieldError]:
        """Return what is wrong with a value, ERRORS_MAX entries at most, each once."""
        violations = itertools.islice(self._validator.iter_errors(tree), VIOLATIONS_MAX)
        found = (error for violation in violations for error in self._translated(violation))
        return list(itertools.islice(dict.fromkeys(found), ERRORS_MAX))

    def error_of(self, refused: msgspec.ValidationError) -> FieldError:
        """Return the one thing that msgspec found wrong."""
        # The path stands last; what precedes it may hold a value and is only matched, never told.
        message, _, path = str(refused).rpartition(" - at `")
        if not message:
            message, path = path, ""
        steps: list[str | int] = []
        for step in _PATH.finditer(path):
            if step["map"]:
                break
            steps.append(int(step["index"]) if step["index"] else step["name"])
        for wording, code in _WORDINGS:
            if matched := wording.match(message):
                name = matched.groupdict().get("name")
                return FieldError(
                    pointer=self.pointer([*steps, *([name] if name else [])]), code=code
                )
        return FieldError(pointer=self.pointer(steps), code=_INCONSISTENT)

    def pointer(self, steps: list[str | int] | tuple[str | int, ...]) -> str:
        """Return the JSON Pointer to a place, cut before the first name of the caller's own."""
        known = itertools.takewhile(lambda one: isinstance(one, int) or one in self._names, steps)
        return "".join(f"/{step}" for step in known)

    def _translated(self, violation: Any) -> Iterator[FieldError]:
        steps = list(violation.absolute_path)
        match violation.validator:
            case "required":
                for name in violation.validator_value:
                    if name not in violation.instance:
                        yield FieldError(self.pointer([*steps, name]), "missing_field")
            case "anyOf":
                yield from self._of_branches(violation, steps)
            case _ if "propertyNames" in violation.absolute_schema_path:
                yield FieldError(self.pointer(steps), "bad_name")
            case keyword:
                yield FieldError(self.pointer(steps), _CODES.get(keyword, _INCONSISTENT))

    def _of_branches(self, violation: Any, steps: list[str | int]) -> Iterator[FieldError]:
        """Tell what is wrong in the one branch that was meant, if that can be known."""
        tag = violation.schema.get("discriminator", {}).get("propertyName")
        branches = defaultdict(list)
        for inner in violation.context:
            branches[inner.relative_schema_path[0]].append(inner)
        meant = [
            inners for inners in branches.values() if not any(_is_other(one, tag) for one in inners)
        ]
        if len(meant) == 1:
            for inner in meant[0]:
                yield from self._translated(inner)
        elif tag is not None and isinstance(violation.instance, dict):
            code = "not_allowed" if tag in violation.instance else "missing_field"
            yield FieldError(self.pointer([*steps, tag]), code)
        else:
            yield FieldError(self.pointer(steps), "not_allowed" if meant else "wrong_type")


def _is_other(inner: Any, tag: str | None) -> bool:
    """Say whether an error means that its branch of a union was not the one meant."""
    place = list(inner.relative_path)
    if inner.validator == "type":
        return not place
    return tag is not None and (
        place == [tag] or (inner.validator == "required" and tag not in inner.instance)
    )


def _patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _patterns(one)


def _to_the_very_end(pattern: str) -> re.Pattern[str]:
    """Return a pattern whose last `$` means the end, as in ECMA 262 and not as in Python.

    Python's `$`, and so msgspec's, lets a trailing newline pass.
    """
    plain = re.sub(r"\\.", "", pattern.removesuffix("$"), flags=re.DOTALL)
    if "$" in plain:
        raise ValueError("a pattern of a contract has $ at its end only")
    return re.compile(pattern.removesuffix("$") + r"\Z" if pattern.endswith("$") else pattern)


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[jsonschema.ValidationError]:
    if isinstance(instance, str) and not _to_the_very_end(pattern).search(instance):
        yield jsonschema.ValidationError("pattern")


def _is_integer(_: Any, instance: Any) -> bool:
    return type(instance) is int  # JSON Schema takes 12.0 for an integer; money does not


def _formats() -> jsonschema.FormatChecker:
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time", raises=msgspec.ValidationError)(_is_instant)
    return formats


def _is_instant(instance: object) -> bool:
    if isinstance(instance, str):
        msgspec.convert(instance, Instant)
    return True


_REFERENCE: Final = "#/$defs/{name}"
_Validator: Final = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    validators={"pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
