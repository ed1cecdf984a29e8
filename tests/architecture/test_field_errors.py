"""Every code that an entry of `errors` may have is told in both languages."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from service.http.problems import FIELD_CODES, Texts

SERVICE = Path(__file__).parents[2] / "service"
# They hand on what the checks of a contract found, which FIELD_CODES lists.
FINDERS = frozenset({"contract.py", "schema.py"})


def calls() -> Iterator[tuple[Path, ast.FunctionDef, ast.expr]]:
    """Yield where a FieldError is made: the file, the function and what gives its code."""
    for path in sorted(SERVICE.rglob("*.py")):
        if path.parent.name == "http" and path.name in FINDERS:
            continue
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == "FieldError":
                    named = {one.arg: one.value for one in node.keywords}
                    yield path, function, named.get("code") or node.args[1]


def codes(of: ast.expr, function: ast.FunctionDef, module: ModuleType) -> set[str]:
    """Return what an expression may be: constants, a problem's code, names given to them."""
    if isinstance(of, ast.IfExp):
        return codes(of.body, function, module) | codes(of.orelse, function, module)
    if isinstance(of, ast.Constant):
        return {str(of.value)}
    name, _, rest = ast.unparse(of).partition(".")
    for one in ast.walk(function):
        if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == name:
            if not rest:
                return codes(one.value, function, module)
            name = ast.unparse(one.value)
    found = module
    for step in f"{name}.{rest}".strip(".").split("."):
        found = getattr(found, step)
    return {str(found)}


def used() -> set[tuple[str, str]]:
    found = set()
    for path, function, of in calls():
        parts = path.relative_to(SERVICE.parent).with_suffix("").parts
        module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
        found |= {(path.name, code) for code in codes(of, function, module)}
    return found


def test_every_code_that_a_room_gives_has_a_text() -> None:
    texts = Texts.load().errors

    assert {one for one in used() if one[1] not in texts} == set()
    assert {"not_in_future", "occurred_at_out_of_range"} <= {code for _, code in used()}


@pytest.mark.parametrize("code", sorted({*FIELD_CODES, *Texts.load().errors}))
def test_a_text_stands_in_both_languages(code: str) -> None:
    words = Texts.load().errors[code]

    assert words.en.isascii()
    assert re.search(r"[\u4e00-\u9fff]", words.zh)
