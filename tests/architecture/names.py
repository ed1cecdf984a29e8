"""Names that the code offers, found in its syntax trees: problems, audit kinds. Judges nothing."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.architecture.house import PACKAGES, ROOT, python_files

TEXTS_AT: Final = "service/http/texts/problems.toml"
KIND: Final = re.compile(r"[a-z_]+\.[a-z_]+")


@cache
def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree; each name asked for here walks all of them."""
    return ast.parse((ROOT / path).read_text())


def calls(function: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a function or class by its plain name, with its file."""
    for path in python_files(*PACKAGES):
        for node in ast.walk(tree(path)):
            match node:
                case ast.Call(func=ast.Name(id=name)) if name == function:
                    yield path.as_posix(), node
                case _:
                    pass


def argument(call: ast.Call, name: str, *, at: int = 0) -> ast.expr:
    """Return the named argument of a call, or else the one at its place."""
    return next((one.value for one in call.keywords if one.arg == name), None) or call.args[at]


def literals(function: str, name: str) -> set[str]:
    """Return the values of an argument in all calls; each must be written out where it is used."""
    found = set()
    for path, call in calls(function):
        value = argument(call, name)
        written_out = isinstance(value, ast.Constant) and isinstance(value.value, str)
        assert written_out, f"{path}:{call.lineno}: write {function}'s {name} out as text"
        found.add(ast.literal_eval(value))
    return found


def entry_kinds() -> set[str]:
    """Return every kind of audit entry that the code makes.

    A kind may reach its entry through a variable. So besides those written out in the call, any
    text with the form and subject of a kind counts in a file that makes entries, or tells a story
    that records them; and a described kind counts wherever it is written.
    """
    described = described_kinds().keys()
    subjects = {kind.partition(".")[0] for kind in described}
    makers = {path for maker in ("Entry", "Story") for path, _ in calls(maker)}
    found = literals_where_written("Entry", "kind")
    for path in python_files(*PACKAGES):
        for text in texts_of(path):
            like_a_kind = KIND.fullmatch(text) and text.partition(".")[0] in subjects
            if text in described or (like_a_kind and path.as_posix() in makers):
                found.add(text)
    return found


def texts_of(path: Path) -> Iterator[str]:
    """Yield each text constant of a file, outside the descriptions of kinds."""
    for top in tree(path).body:
        if isinstance(top, ast.AnnAssign) and ast.unparse(top.target) == "AUDIT_KINDS":
            continue
        for node in ast.walk(top):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def literals_where_written(function: str, name: str) -> set[str]:
    """Return the values of an argument in those calls that write it out."""
    values = (argument(call, name) for _, call in calls(function))
    return {
        value.value
        for value in values
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }


def problem_codes() -> set[str]:
    """Return the code of every problem that is declared anywhere."""
    return literals("Problem", "code")


def problem_statuses() -> dict[str, int]:
    """Return the status of every problem, by its code."""
    return {
        ast.literal_eval(argument(call, "code")): ast.literal_eval(argument(call, "status", at=1))
        for _, call in calls("Problem")
    }


def problem_texts() -> dict[str, Any]:
    """Return what the door says in both languages, or nothing while there is no door."""
    file = ROOT / TEXTS_AT
    return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}


def field_codes() -> set[str]:
    """Return the codes that stand in the `errors` of a problem."""
    return set(problem_texts().get("errors", {}))


def described_kinds() -> dict[str, str]:
    """Return the meaning of each kind of entry, as `AUDIT_KINDS` at the top of a file says it.

    Raises:
        ValueError: Two files describe one kind.
    """
    found: dict[str, str] = {}
    for path in python_files(*PACKAGES):
        for node in tree(path).body:
            match node:
                case ast.AnnAssign(target=ast.Name(id="AUDIT_KINDS"), value=ast.expr() as value):
                    kinds: dict[str, str] = ast.literal_eval(value)
                    if twice := kinds.keys() & found.keys():
                        raise ValueError(f"{path} describes again: {', '.join(sorted(twice))}")
                    found.update(kinds)
                case _:
                    pass
    return found
