import json
import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from service.cli import screen
from service.cli.screen import Failure, Screen, reporting, table

ROOT = Path(__file__).resolve().parents[3]


@click.command()
@click.option("--fails", is_flag=True)
@click.option("--status", type=int)
@reporting
def example(screen: Screen, *, fails: bool, status: int | None) -> int | None:
    """Do something."""
    screen.note("on the way")
    if fails:
        raise Failure("no_luck", "it went wrong", then="try later", status=4)
    screen.show({"answer": 42}, "the answer is 42")
    return status


def test_people_get_text_and_notes_on_standard_error() -> None:
    result = CliRunner().invoke(example, [])

    assert result.stdout == "the answer is 42\n"
    assert result.stderr == "on the way\n"
    assert result.exit_code == 0


def test_programs_get_one_document_and_no_notes() -> None:
    result = CliRunner().invoke(example, ["--json"])

    assert json.loads(result.stdout) == {"answer": 42}
    assert not result.stderr


def test_the_status_that_a_command_returns_is_the_process_s() -> None:
    assert CliRunner().invoke(example, ["--status", "1"]).exit_code == 1


def test_a_failure_says_what_is_so_and_what_to_do() -> None:
    result = CliRunner().invoke(example, ["--fails"])

    assert result.exit_code == 4
    assert result.stderr.endswith("error: it went wrong\n  next: try later\n")
    assert not result.stdout


def test_a_failure_is_a_document_as_well() -> None:
    result = CliRunner().invoke(example, ["--fails", "--json"])

    error = {"code": "no_luck", "detail": "it went wrong", "next": "try later"}
    assert json.loads(result.stdout) == {"error": error}
    assert result.exit_code == 4


def test_columns_stand_under_each_other_and_lines_end_without_space() -> None:
    assert table([("a", "bb", "c"), ("aaa", "b", "")]) == "a    bb  c\naaa  b"


@pytest.mark.parametrize(
    "name", ["DONE", "SOMETHING_FAILED", "CANNOT_START", "REFUSED", "NO_ANSWER", "INTERRUPTED"]
)
def test_every_exit_status_is_documented(name: str) -> None:
    page = (ROOT / "docs" / "operations.md").read_text()

    assert re.search(rf"^\| {getattr(screen, name)} \|", page, re.MULTILINE)
