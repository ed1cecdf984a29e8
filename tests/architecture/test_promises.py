"""Each promise in the README names tests, and each of those tests is there."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.house import ROOT, python_files

pytestmark = pytest.mark.style

PROMISE = re.compile(r"^\| [A-Z][^|]+ \| (?P<tests>`test_[^|]+) \|$", re.MULTILINE)


def promised() -> Iterator[list[str]]:
    for row in PROMISE.finditer((ROOT / "README.md").read_text()):
        yield re.findall(r"`(test_\w+)`", row["tests"])


def test_every_promise_names_tests_that_are_there() -> None:
    found = {
        node.name
        for path in python_files("tests")
        for node in ast.walk(ast.parse((ROOT / path).read_text()))
        if isinstance(node, ast.FunctionDef)
    }

    named = {name for row in promised() for name in row}

    assert len(list(promised())) == 9
    assert not named - found
