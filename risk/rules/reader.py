"""Files of rules: read within bounds, checked, their own tests run. Reports all that is wrong."""

import re
import tomllib
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Final, cast, get_args

import msgspec

from risk.assessment import ReasonCode
from risk.facts import Stage
from risk.feature import COUNTED_AT, Text
from risk.rules.compiler import compile_rules, make_places
from risk.rules.fields import Fields
from risk.rules.lexer import RuleError
from risk.rules.runner import Ready, make_ready
from risk.rules.shapes import (
    LEVEL_USUAL,
    POINTS_MAX,
    RULES_MAX,
    Listing,
    Raise,
    Result,
    Rule,
    RuleFile,
    RuleWritten,
)
from risk.rules.told import RuleField
from risk.rules.tree import fields_of
from risk.vectors import Missing, MissingReason

FILE_BYTES_MAX: Final = 65_536
LINES_MAX: Final = 4_000
LINE_CHARS_MAX: Final = 1_000
# tomllib walks keys of many parts, and values inside values, in steps that grow with their depth.
NESTED_MAX: Final = 8
DOTS_MAX: Final = 24
HEADER_DOTS_MAX: Final = 2_000
FILES_MAX: Final = 100
# Where payments are judged. A rule for anywhere else would be taken and never decide anything.
LOOKED_AT: Final[tuple[Stage, ...]] = ("account", "pre_payment", "in_flight", "payout")
# Where what is to be listed is known before the rows are read. At execution it is not.
LISTED_AT: Final[frozenset[Stage]] = frozenset({"account", *COUNTED_AT})
_NO_HISTORY: Final = Missing("no_history")
_PLACE: Final = re.compile(r" \(at line ([0-9]+), column ([0-9]+)\)$")
_BEGIN: Final = re.compile(r"^[ \t]*\[\[ *rules *\]\]", re.MULTILINE)
_NUMBER: Final = re.compile(r"\$\.rules\[([0-9]+)\]")
_PRINTED: Final = re.compile(r"[^\x00-\x1f\x7f]+")
_ADDED: Final = re.compile(r"\+[1-9][0-9]{0,3}", re.ASCII)


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong in a file.

    Attributes:
        line, column: From 1; 0 where the file as a whole is meant.
        rule: Code of the rule, where one is meant.
    """

    file: str
    line: int
    column: int
    rule: str | None
    what: str


class RulesRead(msgspec.Struct, frozen=True, kw_only=True):
    """A file of rules: they stand only where nothing is wrong."""

    rules: tuple[Rule, ...]
    tests: int
    faults: tuple[Fault, ...]


def load_starter_rules(fields: Fields) -> tuple[Rule, ...]:
    """Return the rules that come with this version of the software.

    Raises:
        ValueError: One of them is wrong.
    """
    folder = resources.files("risk.rules") / "starter"
    files = sorted((one for one in folder.iterdir()), key=lambda one: one.name)
    found = [
        read_rules(one.name, one.read_bytes(), fields)
        for one in files
        if one.name.endswith(".toml")
    ]
    for one in found:
        for fault in one.faults:
            raise ValueError(f"{fault.file}:{fault.line}: {fault.what}")
    return tuple(rule for one in found for rule in one.rules)


def read_rules(name: str, content: bytes, fields: Fields) -> RulesRead:
    """Read one file, check each rule and run its tests.

    Args:
        name: Of the file, for faults.
        content: Its bytes.
        fields: What rules may read.
    """
    try:
        text = _text(content)
        written = msgspec.convert(tomllib.loads(text), RuleFile)
    except (_Unreadable, tomllib.TOMLDecodeError, RecursionError, msgspec.ValidationError) as error:
        return RulesRead(rules=(), tests=0, faults=(_unreadable(name, content, error),))
    places = _Lines(name, text)
    faults: list[Fault] = []
    rules = []
    for number, one in enumerate(written.rules):
        try:
            rule = _rule(one)
            ready = make_ready(rule, fields)
        except RuleError as error:
            faults.append(places.inside(number, one, error))
            continue
        except ValueError as error:
            faults.append(places.of(number, one.code, str(error)))
            continue
        faults += [places.of(number, one.code, what) for what in _failures(one, ready, fields)]
        rules.append(rule)
    faults += [
        places.of(0, code, "two rules share this code")
        for code in _twice(one.code for one in written.rules)
    ]
    return RulesRead(
        rules=() if faults else tuple(rules),
        tests=sum(len(one.tests) for one in written.rules),
        faults=tuple(faults),
    )


class _Unreadable(Exception):  # noqa: N818  it says what the file is
    """A file is not even TOML that is worth parsing."""


def _text(content: bytes) -> str:
    """Return the text of a file that the parser of TOML can be trusted with.

    Raises:
        _Unreadable: It is too large, too wide, too deep, or no UTF-8.
    """
    if len(content) > FILE_BYTES_MAX:
        raise _Unreadable(f"a file of rules has at most {FILE_BYTES_MAX:,} bytes")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Unreadable("a file of rules is UTF-8") from error
    if text.count("\n") > LINES_MAX:
        raise _Unreadable(f"a file of rules has at most {LINES_MAX:,} lines")
    if len(_BEGIN.findall(text)) > RULES_MAX:
        raise _Unreadable(f"a file has at most {RULES_MAX} rules; write more files")
    # Not splitlines: TOML ends a line nowhere else, and takes other separators in a quoted name.
    lines = text.split("\n")
    for line in lines:
        if len(line) > LINE_CHARS_MAX:
            raise _Unreadable(f"a line has at most {LINE_CHARS_MAX:,} characters")
        if max(line.count("["), line.count("{")) > NESTED_MAX:
            raise _Unreadable(f"a line opens at most {NESTED_MAX} brackets")
        if line.count(".") > DOTS_MAX:
            raise _Unreadable(f"a line has at most {DOTS_MAX} dots")
    # Each part of a table's name is a step for every table below it.
    if sum(line.count(".") for line in lines if line.lstrip().startswith("[")) > HEADER_DOTS_MAX:
        raise _Unreadable(f"lines that open a table have at most {HEADER_DOTS_MAX:,} dots")
    return text


def _unreadable(name: str, content: bytes, error: Exception) -> Fault:
    what, line, column, rule = str(error) or "nested too deeply", 0, 0, None
    if place := _PLACE.search(what):
        line, column = int(place[1]), int(place[2])
        what = what[: place.start()]
    elif isinstance(error, msgspec.ValidationError):
        number = _NUMBER.search(what)
        if number:
            line = _Lines(name, content.decode("utf-8")).start(int(number[1]))
            column = 1
    elif isinstance(error, RecursionError):
        what = "nested too deeply"
    return Fault(file=name, line=line, column=column, rule=rule, what=what)


def _rule(written: RuleWritten) -> Rule:
    kind, _, rest = written.effect.partition(":")
    listing = _listing(written)
    points = _points(written, rest) if kind == "score" else 0
    raises = kind == "raise" and rest in get_args(Raise)
    if not (points or raises or listing):
        raise ValueError(
            "an effect is raise: with challenge, review, hold or decline, score:+ with points, or"
            " list:add"
        )
    if written.level is not None and rest != "challenge":
        raise ValueError("only a challenge has a level")
    unseen = [stage for stage in written.stages if stage not in LOOKED_AT]
    if unseen:
        raise ValueError(
            f"no rule is looked at at stage {unseen[0]}: stages are {', '.join(LOOKED_AT)}"
        )
    if written.code in get_args(ReasonCode):
        raise ValueError("this code is one of the engine's own reasons")
    return Rule(
        code=written.code,
        version=written.version,
        stages=written.stages,
        when=written.when,
        outcome=cast("Raise", rest) if raises else "approve",
        level=(written.level or LEVEL_USUAL) if rest == "challenge" else 0,
        meaning=Text(written.meaning.en, written.meaning.zh),
        reason=Text(written.reason.en, written.reason.zh),
        points=points,
        list=listing or msgspec.UNSET,
    )


def _listing(written: RuleWritten) -> Listing | None:
    """Return what an effect `list:add` puts on a list; None for every other effect."""
    adds = written.effect == "list:add"
    if adds != (written.list is not None):
        raise ValueError("list:add and a table `list` with kind, entity and hours come together")
    if adds and not _PRINTED.fullmatch(" ".join(written.meaning.en.split())):
        raise ValueError(
            "list:add tells its meaning as the reason of an entry: print it in letters"
        )
    if adds and not LISTED_AT.issuperset(written.stages):
        stages = ", ".join(sorted(LISTED_AT))
        raise ValueError(f"list:add stands at the stages {stages}")
    return written.list


def _points(written: RuleWritten, rest: str) -> int:
    """Return the points of an effect `score:+n`."""
    if not _ADDED.fullmatch(rest) or int(rest) > POINTS_MAX:
        raise ValueError(f"score: takes + and a number from 1 to {POINTS_MAX}")
    if not COUNTED_AT.issuperset(written.stages):
        # Later nothing is scored, and what was added would be added to nothing.
        stages = ", ".join(sorted(COUNTED_AT))
        raise ValueError(f"score: adds where a payment is scored, at the stages {stages}")
    return int(rest)


def _failures(written: RuleWritten, ready: Ready, fields: Fields) -> Iterable[str]:
    """Yield what is wrong with a rule's tests; the compiled rule itself is run."""
    results = {one.result for one in written.tests}
    if not {"hit", "no_hit"} <= results:
        yield "a rule brings at least one test that hits and one that does not"
    names = [name for name in fields_of(ready.node) if fields.by_name[name].source != "feature"]
    run = compile_rules({0: ready.node}, make_places(fields.features, names))
    for number, one in enumerate(written.tests, start=1):
        label = f"test {number}" + (f" ({one.name})" if one.name else "")
        try:
            given = {name: _given(name, value, fields) for name, value in one.given.items()}
        except ValueError as error:
            yield f"{label}: {error}"
            continue
        found: list[Result] = []
        run(
            [given.get(name, _NO_HISTORY) for name in fields.features],
            [given.get(name) for name in names],
            lambda _number, found=found: found.append("hit"),  # type: ignore[misc]  # bound now
            lambda _number, found=found: found.append("error"),  # type: ignore[misc]  # bound now
        )
        result = found[0] if found else "no_hit"
        if result != one.result:
            yield f"{label}: expected {one.result}, found {result}"


def _given(name: str, value: Any, fields: Fields) -> Any:
    field = fields.by_name.get(name)
    if field is None:
        raise ValueError(f"there is no feature or fact {name}")
    if isinstance(value, dict):
        why = value.get("missing")
        if field.source != "feature" or len(value) != 1 or why not in get_args(MissingReason):
            raise ValueError(f"{name}: only a feature is missing, with a reason that exists")
        return Missing(cast("MissingReason", why))
    _check_given(field, value)
    return value


def _check_given(field: RuleField, value: Any) -> None:
    kinds: dict[str, tuple[type, ...]] = {"number": (int, float), "text": (str,), "flag": (bool,)}
    if type(value) not in kinds[field.type]:
        raise ValueError(f"{field.name} is a {field.type}")
    if field.values and value not in field.values:
        raise ValueError(f"{field.name} is one of {', '.join(field.values)}")


def _twice(codes: Iterable[str]) -> Sequence[str]:
    seen: set[str] = set()
    return [code for code in codes if code in seen or seen.add(code)]  # type: ignore[func-returns-value]  # add returns None


class _Lines:
    """Finds places in a file's text; TOML's parser keeps none."""

    def __init__(self, name: str, text: str) -> None:
        self._name = name
        self._text = text
        self._starts = [one.start() for one in _BEGIN.finditer(text)]

    def start(self, number: int) -> int:
        """Return the line of the nth rule, from 1; 0 where it is not found."""
        if number >= len(self._starts):
            return 0
        begin = self._text.index("[", self._starts[number])
        return self._text.count("\n", 0, begin) + 1

    def of(self, number: int, code: str, what: str) -> Fault:
        """Return a fault of a rule as a whole."""
        return Fault(file=self._name, line=self.start(number), column=1, rule=code, what=what)

    def inside(self, number: int, written: RuleWritten, error: RuleError) -> Fault:
        """Return a fault inside an expression, at its place in the file if it stands there."""
        begin = self._starts[number] if number < len(self._starts) else 0
        found = self._text.find(written.when, begin)
        if found < 0:
            what = f"{error.what} (character {error.at + 1} of the expression)"
            return self.of(number, written.code, what)
        at = found + min(error.at, len(written.when))
        line = self._text.count("\n", 0, at) + 1
        column = at - self._text.rfind("\n", 0, at)
        return Fault(file=self._name, line=line, column=column, rule=written.code, what=error.what)
