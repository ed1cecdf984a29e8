"""`payguard strategy`: a folder is checked, put in force, taken back; every one stays readable."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from risk.models.container import unpack
from risk.scored import ModelRef
from risk.strategy import load_strategy
from tests.support.scored import a_model
from tests.support.terminal import Terminal

OWN = load_strategy().id


@pytest.fixture
def folder(payguard: Terminal, tmp_path: Path) -> Path:
    """A folder whose limit on speed is tighter than the software's own."""
    folder = tmp_path / "tight"
    payguard.json("strategy", "new", folder)
    file = folder / "velocity.toml"
    file.write_text(file.read_text().replace("at_least = 30", "at_least = 20"))
    return folder


def ids(payguard: Terminal) -> list[str]:
    return [one["strategy_id"] for one in payguard.json("strategy", "list")]


@pytest.mark.long
def test_a_folder_is_checked_activated_and_taken_back(payguard: Terminal, folder: Path) -> None:
    found = payguard.json("strategy", "check", folder)
    assert found["against"] == OWN
    [changed] = found["differences"]
    assert (changed["path"], changed["before"], changed["after"]) == (
        "velocity.at.pre_payment.at_least",
        "30",
        "20",
    )

    made = payguard.json("strategy", "activate", folder)
    assert made["strategy_id"] == found["strategy_id"]
    assert ids(payguard) == [found["strategy_id"], OWN]
    assert payguard.json("strategy", "check", folder)["differences"] == []
    shown = payguard.json("strategy", "show")
    assert shown["is_signed"]
    assert shown["content"]["velocity"]["at"][0]["at_least"] == 20

    payguard.json("strategy", "back")
    assert ids(payguard) == [OWN, found["strategy_id"], OWN]
    assert payguard.json("strategy", "back")["error"]["code"] == "strategy_first"
    old = payguard.json("strategy", "show", found["strategy_id"])
    assert old["content"] == shown["content"]


@pytest.mark.parametrize("name", ["block.TOML", "block.tml", "block.toml~"])
def test_a_file_by_another_ending_is_refused_and_not_passed_over(
    payguard: Terminal, folder: Path, name: str
) -> None:
    (folder / "rules" / name).write_text("")

    said = payguard.json("strategy", "check", folder)

    assert f"rules/{name}" in said["error"]["detail"], said


@pytest.mark.long
def test_the_strategy_in_force_is_not_activated_twice(payguard: Terminal, folder: Path) -> None:
    payguard.json("strategy", "activate", folder)

    assert payguard.json("strategy", "activate", folder)["error"]["code"] == "strategy_active"


@pytest.mark.parametrize("file", ["ladder.toml", "strategy.toml", "presets/cn.toml"])
def test_a_broken_folder_is_refused_by_the_name_of_the_file(
    payguard: Terminal, folder: Path, file: str
) -> None:
    (folder / file).write_text("nonsense = true")

    for command in ("check", "activate"):
        said = payguard.json("strategy", command, folder)["error"]
        assert said["code"] == "strategy_invalid"
        assert file in said["detail"]
    assert ids(payguard) == []


RULE = """
[[rules]]
code = "many_an_hour"
version = 1
stages = ["pre_payment"]
when = "payer_payment_count_1h >= 7"
effect = "raise:review"
meaning.en = "Many payments within an hour."
meaning.zh = "一小时内多笔付款。"
reason.en = "{payer_payment_count_1h} payments within an hour"
reason.zh = "一小时内 {payer_payment_count_1h} 笔付款"
tests = [
  { result = "hit", given = { payer_payment_count_1h = 7 } },
  { result = "no_hit", given = { payer_payment_count_1h = 6 } },
]
"""


@pytest.mark.long
def test_a_rule_is_a_file_of_the_folder(payguard: Terminal, folder: Path) -> None:
    (folder / "rules" / "own.toml").write_text(RULE)

    found = payguard.json("strategy", "check", folder)["differences"]

    [rule, _] = found
    assert (rule["path"], rule["before"]) == ("rules.many_an_hour", None)
    made = payguard.json("strategy", "activate", folder)
    shown = payguard.json("strategy", "show", made["strategy_id"])
    assert "many_an_hour" in {one["code"] for one in shown["content"]["rules"]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (">= 7", ">= 8", "expected hit"),
        ("payer_payment_count_1h >= 7", "payer_payments >= 7", "payer_payments"),
        ("raise:review", "raise:nothing", "effect"),
        ("many_an_hour", "rules_twice", ""),
    ],
)
def test_a_rule_that_fails_its_own_test_is_never_activated(
    payguard: Terminal, folder: Path, old: str, new: str, said: str
) -> None:
    (folder / "rules" / "own.toml").write_text(RULE.replace(old, new))
    if not said:
        (folder / "rules" / "twice.toml").write_text(RULE.replace(old, new))

    for command in ("check", "activate"):
        error = payguard.json("strategy", command, folder)["error"]
        assert error["code"] == "strategy_invalid"
        assert said in error["detail"]
    assert ids(payguard) == []


def test_a_folder_that_is_there_is_not_written_over(payguard: Terminal, folder: Path) -> None:
    assert payguard.json("strategy", "new", folder)["error"]["code"] == "folder_unusable"
    missing = folder / "nothing"
    assert payguard.json("strategy", "check", missing)["error"]["code"] == "folder_unreadable"


@pytest.mark.long
def test_an_id_that_never_decided_is_not_found(payguard: Terminal, folder: Path) -> None:
    payguard.json("strategy", "activate", folder)

    said = payguard.json("strategy", "show", "str_000000000000")

    assert said["error"]["code"] == "strategy_not_found"


def test_before_the_first_start_there_is_nothing_to_show(payguard: Terminal) -> None:
    assert payguard.json("strategy", "list") == []
    assert payguard.json("strategy", "show")["error"]["code"] == "strategy_none"


def test_a_signature_that_does_not_hold_stops_everything_and_is_told(
    payguard: Terminal, folder: Path
) -> None:
    payguard.json("strategy", "activate", folder)
    connection = sqlite3.connect(payguard.home / "payguard.sqlite")
    connection.execute("UPDATE strategies SET strategy_id = 'str_000000000000' WHERE number = 2")
    connection.commit()
    connection.close()

    assert payguard("strategy", "show").exit_code == 1
    assert payguard.json("merchant", "create", "--name", "Kites")["error"]["code"] == "cannot_start"
    [check] = [one for one in payguard.json("doctor")["checks"] if one["name"] == "strategy"]
    assert check["state"] == "fail"
    assert "str_000000000000" in check["what"]


def test_doctor_says_which_one_decides(payguard: Terminal, folder: Path) -> None:
    made = payguard.json("strategy", "activate", folder)

    [check] = [one for one in payguard.json("doctor")["checks"] if one["name"] == "strategy"]

    assert check["state"] == "ok"
    assert made["strategy_id"] in check["what"]


def test_a_folder_with_a_model_names_it_and_shows_that_it_differs(
    payguard: Terminal, tmp_path: Path
) -> None:
    file, folder = tmp_path / "some.pgmodel", tmp_path / "modelled"
    file.write_bytes(a_model())
    manifest = unpack(a_model()).manifest

    made = payguard.json("strategy", "new", folder, "--model", file)
    found = payguard.json("strategy", "check", folder)
    broken = payguard.json("strategy", "new", tmp_path / "other", "--model", folder / "ladder.toml")
    nowhere = payguard.json("strategy", "new", tmp_path / "other", "--model", tmp_path / "none")

    [changed] = found["differences"]
    after = msgspec.json.decode(changed["after"], type=ModelRef)
    assert "model.toml" in made["files"]
    assert (changed["path"], changed["before"]) == ("model", None)
    assert (after.sha256, after.inputs) == (unpack(a_model()).id, manifest.inputs)
    assert after.priors == manifest.priors
    assert broken["error"]["code"] == "model_invalid"
    assert nowhere["error"]["code"] == "file_unreadable"
