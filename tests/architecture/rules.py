"""The house rules that no other tool holds, each a function from one file to its breaches.

A new rule is one function with the mark; test_rules.py finds it and asks for planted violations.
"""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from tests.architecture.house import FLOOR_OF, PACKAGES, ROOM_FILES, ROOM_FILES_OF_ONE, ROOT

FILE_LINES_MAX: Final = 400
FUNCTION_LINES_MAX: Final = 60

# Where an unexpected exception ends: it is answered, or its command is dropped, and logged. A
# probe of readiness meets whatever is broken; its answer is "not ready".
CATCHERS: Final = (
    "service/http/door.py",
    "service/http/operations.py",
    "service/unit_of_work/",
    "service/writer/inbox.py",
    "service/writer/loop.py",
    "service/worker/loop.py",
    "service/worker/deliveries.py",
    "service/worker/reports.py",
)
NO_NOUN: Final = frozenset({"utils", "util", "helpers", "helper", "common", "misc"})
# Tests that mirror no source file, by their folder.
UNMIRRORED: Final = frozenset(
    {
        *("architecture", "vectors", "contract", "properties", "faults", "simulation"),
        *("proofs", "support", "browser", "golden"),
    }
)
# What the examples of docs/api.md are made by, and what checks them: no promise about a store.
OF_NO_STORE: Final = frozenset({"page.py", "test_documents.py"})
MUTABLE_MAKERS: Final = frozenset(
    {"dict", "list", "set", "defaultdict", "deque", "Counter", "OrderedDict", "bytearray"}
)

MARKER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))")
NOQA = re.compile(r"#\s*(?:ruff:\s*)?noqa\b")
NOQA_WITH_REASON = re.compile(r"#\s*(?:ruff:\s*)?noqa:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*\s+\S+\s+\S+")
IGNORE = re.compile(r"#\s*type:\s*ignore\b")
IGNORE_WITH_REASON = re.compile(r"#\s*type:\s*ignore\[[a-z\-, ]+\]\s+#\s*\S+\s+\S+")


@dataclass(frozen=True, kw_only=True)
class Source:
    """One Python file, with its place in the house."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Each comment with its line."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [
            (token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT
        ]

    @property
    def parts(self) -> tuple[str, ...]:
        """The folders and the file, from the top."""
        return PurePosixPath(self.path).parts

    @property
    def is_ours(self) -> bool:
        """Whether the file belongs to the product."""
        return self.parts[0] in PACKAGES

    @property
    def is_test(self) -> bool:
        """Whether the file belongs to the tests."""
        return self.parts[0] == "tests"

    @property
    def is_generated(self) -> bool:
        """Whether the file is a migration, first written by Alembic."""
        return "versions" in self.parts


Rule = Callable[[Source], Iterator[str]]
RULES: Final[dict[str, Rule]] = {}


def rule(check: Rule) -> Rule:
    """Make a check one of the house's rules."""
    RULES[check.__name__] = check
    return check


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield each function and method of a file, at any depth."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@rule
def short_files(source: Source) -> Iterator[str]:
    """A file that is too long has two subjects."""
    lines = source.text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{lines} lines, over {FILE_LINES_MAX}: find the second noun and move it"


@rule
def short_functions(source: Source) -> Iterator[str]:
    """A function is read on one screen."""
    for node in functions(source.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES_MAX and not source.is_generated:
            yield f"line {node.lineno}: {node.name} has {lines} lines, over {FUNCTION_LINES_MAX}"


@rule
def module_docstrings(source: Source) -> Iterator[str]:
    """The first line says what a file is for and what it must never do."""
    named = source.parts[-1] != "__init__.py" or source.text.strip()
    if source.is_ours and named and not ast.get_docstring(source.tree):
        yield "no docstring that says what the file is for and what it must never do"


@rule
def markers_name_an_issue(source: Source) -> Iterator[str]:
    """What is left to do stands in an issue; a comment may point there: TODO(#12)."""
    for line, comment in source.comments:
        if found := MARKER.search(comment):
            yield f"line {line}: {found[1]} without an issue number"


@rule
def nouns_for_names(source: Source) -> Iterator[str]:
    """A file without a noun collects everything."""
    for part in source.parts:
        if PurePosixPath(part).stem.lower() in NO_NOUN:
            yield f"{part}: find the noun and put the function in its room"


@rule
def narrow_catching(source: Source) -> Iterator[str]:
    """Only a loop, the door and the unit of work catch what nobody expected."""
    if not source.is_ours or source.path.startswith(CATCHERS):
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and catches_all(node) and not raises_again(node):
            yield f"line {node.lineno}: catches every exception; name the narrowest class"


def catches_all(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler catches more than named classes."""
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in kinds
    )


def raises_again(handler: ast.ExceptHandler) -> bool:
    """Say whether a handler only tidies up and lets the exception pass."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


@rule
def own_code_is_never_patched(source: Source) -> Iterator[str]:
    """Faults and fakes enter through ports; a patched name tests the patch."""
    if not source.is_test:
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names) if any("mock" in alias.name for alias in names):
                yield f"line {node.lineno}: imports a mock library"
            case ast.ImportFrom(module=str(module), names=names) if "mock" in module or any(
                "mock" in alias.name for alias in names
            ):
                yield f"line {node.lineno}: imports a mock library"
            case ast.Attribute(value=ast.Name(id="monkeypatch"), attr=attr) if attr in {
                "setattr",
                "delattr",
                "setitem",
                "delitem",
            }:
                yield f"line {node.lineno}: monkeypatch.{attr}"
            case ast.Call(func=ast.Name(id="patch")):
                yield f"line {node.lineno}: patch()"
            case ast.arg(arg="mocker"):
                yield f"line {node.lineno}: takes a mocker"
            case _:
                pass


@rule
def tests_mirror_the_source(source: Source) -> Iterator[str]:
    """tests/keys/test_sealing.py, or test_sealing_*.py, tests keys/sealing.py."""
    if not source.is_test or source.parts[1] in UNMIRRORED:
        return
    folder, name = PurePosixPath(*source.parts[1:-1]), source.parts[-1]
    if not name.startswith("test_"):
        if folder == PurePosixPath() and name != "conftest.py":
            yield "only conftest.py stands at the top of tests"
    elif not mirrored(ROOT / folder, PurePosixPath(name).stem.removeprefix("test_")):
        yield f"tests nothing that {folder}/ holds"


def mirrored(folder: Path, subject: str) -> bool:
    """Say whether a test's subject, or a beginning of it, is a file or package of a folder."""
    words = subject.split("_")
    names = ["_".join(words[:count]) for count in range(1, len(words) + 1)]
    return (subject == "conformance" and folder.is_dir()) or any(
        (folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file()
        for name in names
    )


@rule
def suppressions_carry_a_reason(source: Source) -> Iterator[str]:
    """Whoever reads a suppression must be able to judge it."""
    asked = ((NOQA, NOQA_WITH_REASON), (IGNORE, IGNORE_WITH_REASON))
    for line, comment in source.comments:
        for found, wanted in asked:
            if found.search(comment) and not wanted.search(comment):
                yield f"line {line}: suppression without codes or without a reason: {comment}"


@rule
def no_state_in_modules(source: Source) -> Iterator[str]:
    """An empty container at the top of a module has no purpose but to be filled later."""
    if not source.is_ours:
        return
    for node in source.tree.body:
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        match value:
            case ast.Dict(keys=[]) | ast.List(elts=[]):
                empty = True
            case ast.Call(func=ast.Name(id=name), args=args):
                empty = name in MUTABLE_MAKERS and (not args or name == "defaultdict")
            case _:
                empty = False
        if empty:
            yield f"line {node.lineno}: mutable state at the top of a module"


@rule
def rooms_hold_known_files(source: Source) -> Iterator[str]:
    """A room takes the files that it needs and no others, and one folder for a registry."""
    if source.parts[:2] != ("service", "rooms") or len(source.parts) == len(("", "", "file")):
        return
    room, name = source.parts[2], source.parts[3]
    if room not in FLOOR_OF:
        yield f"no floor for a room {room}"
    allowed = ROOM_FILES | ROOM_FILES_OF_ONE.get(room, frozenset()) | {"__init__"}
    in_a_file = name.endswith(".py")
    if in_a_file and name.removesuffix(".py") not in allowed:
        yield f"a room holds no {name}"
    elif not in_a_file and len(source.parts) > len(("service", "rooms", "room", "kinds", "file")):
        yield "a registry is one folder deep"


@rule
def contracts_run_on_each_store(source: Source) -> Iterator[str]:
    """What is promised at the border is promised on both stores, and tried there on both."""
    if source.parts[:2] != ("tests", "contract") or source.parts[-1] in OF_NO_STORE:
        return
    for node in ast.walk(source.tree):
        match node:
            case ast.FunctionDef(name="house_database", args=given):
                if "module_database" not in {one.arg for one in given.args}:
                    yield f"line {node.lineno}: the house of this file is on one store only"
            case ast.Call(func=ast.Name(id="House" | "Service" as made), keywords=given):
                if "database" not in {one.arg for one in given}:
                    yield f"line {node.lineno}: a {made} without a database is on one store only"
            case _:
                pass
