"""Format, lint and types, by the tools themselves; their settings stand in pyproject.toml."""

import subprocess
import sys

import pytest

from tests.architecture.house import ROOT

pytestmark = pytest.mark.style


def complaints(*arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, check=False, text=True
    )
    return "" if run.returncode == 0 else run.stdout + run.stderr


def test_every_file_is_formatted() -> None:
    found = complaints("ruff", "format", "--check", ".")

    assert not found, found


def test_ruff_finds_nothing() -> None:
    found = complaints("ruff", "check", "--output-format", "concise", ".")

    assert not found, found


@pytest.mark.long
def test_mypy_finds_nothing() -> None:
    found = complaints("mypy")

    assert not found, found
