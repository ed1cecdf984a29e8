"""`payguard rules check`: files and folders, what is wrong with its place, and its exit status."""

from pathlib import Path

import pytest
from click.testing import CliRunner

import risk.rules
from service.cli import main
from tests.risk.rules.test_reader import GOOD
from tests.support.terminal import Terminal


def check(place: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["rules", "check", str(place), *more])
    return result.exit_code, result.output


def test_a_good_file_ends_with_0(tmp_path: Path) -> None:
    file = tmp_path / "good.toml"
    file.write_text(GOOD)

    assert check(file) == (0, "1 files, 1 rules that stand, 3 tests: nothing wrong\n")


def test_what_is_wrong_is_told_with_its_place_and_ends_with_1(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(GOOD.replace("payee_is_new'", "payee_is_odd'"))

    status, output = check(file)

    assert status == 1
    assert f"{file}:6:53: many_at_once: there is no feature or fact payee_is_odd\n" in output


def test_a_folder_is_read_whole_and_a_code_stands_in_one_file(tmp_path: Path) -> None:
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).write_text(GOOD)
    (tmp_path / "c.txt").write_text("not a rule")

    status, output = check(tmp_path)

    assert status == 1
    assert "many_at_once: two files have this rule" in output
    assert "2 files" in output


def test_the_starter_rules_pass() -> None:

    status, output = check(Path(risk.rules.__file__).parent / "starter")

    assert status == 0, output


@pytest.mark.parametrize("name", ["nothing.toml", "."])
def test_a_place_without_rules_is_refused(tmp_path: Path, name: str) -> None:
    status, output = check(tmp_path / name)

    assert status == 2
    assert "error:" in output


def test_a_program_gets_one_document(tmp_path: Path, payguard: Terminal) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(GOOD.replace("version = 1", "version = 0"))

    said = payguard.json("rules", "check", file)

    assert (said["files"], said["rules"]) == (1, 0)
    assert (said["faults"][0]["line"], said["faults"][0]["rule"]) == (2, None)


def test_a_rule_in_vain_is_told_and_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(GOOD)
    (tmp_path / "b.toml").write_text(GOOD.replace("many_at_once", "many_again"))

    status, output = check(tmp_path)

    assert status == 0
    assert "many_again: adds nothing but its reason: many_at_once hits whenever it does" in output
    assert output.endswith("2 rules that stand, 6 tests: nothing wrong\n")
