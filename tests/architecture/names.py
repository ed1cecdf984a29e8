"""Names that the code offers, found in its syntax trees: problems, audit kinds. Judges nothing."""

import ast
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from tests.architecture.house import PACKAGES, ROOT, python_files

TEXTS_AT: Final = "service/http/texts/problems.toml"


def calls(function: str) -> Iterator[tuple[str, ast.Call]]:
    """Yield each call of a function or class by its plain name, with its file."""
    for path in python_files(*PACKAGES):
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
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
    """Return every kind of audit entry that is made anywhere."""
    return literals("Entry", "kind")


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
