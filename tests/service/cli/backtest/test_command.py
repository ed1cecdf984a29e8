"""`payguard backtest`: what a strategy would change on a file, in numbers, words and a picture."""

import json
from pathlib import Path

import pytest

from tests.support.scored import a_model
from tests.support.terminal import Terminal

HEAD = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Thirty payments of one payer within a minute, the last five of them fraud."""
    lines = [
        f"{number},2018-04-01 00:00:{number:02},7,{number % 3},{number}.50,{int(number >= 25)}"
        for number in range(30)
    ]
    file = tmp_path / "history.csv"
    file.write_text("\n".join([HEAD, *lines, ",,,,,", "31,never,7,1,1.00,0"]))
    return file


@pytest.fixture
def folder(fresh: Terminal, tmp_path: Path) -> Path:
    folder = tmp_path / "tight"
    fresh.json("strategy", "new", folder)
    velocity = folder / "velocity.toml"
    velocity.write_text(velocity.read_text().replace("at_least = 30", "at_least = 20"))
    return folder


def test_it_says_what_would_change(fresh: Terminal, file: Path, folder: Path) -> None:
    picture = file.with_suffix(".svg")
    more = ("--preset", "judge_only", "--svg", picture)

    found = fresh.json("backtest", file, "--strategy", folder, *more)
    named = fresh.json("backtest", file, "--strategy", folder, *more, "--label", "TX_FRAUD")
    assert named == found

    assert (found["payments"], found["refused"]) == (30, 2)
    assert found["outcomes"]["approve"] == {"before": 30, "after": 20}
    assert found["outcomes"]["decline"] == {"before": 0, "after": 10}
    assert found["transitions"] == {"approve": {"decline": 10}}
    [rule] = found["rules"]
    assert (rule["rule"], rule["hits"]) == ("burst_from_one_payer", {"before": 0, "after": 10})
    assert found["frauds"] == 5
    assert found["caught_before"] == {"fraud": 0, "good_challenged": 0, "good_stopped": 0}
    assert found["caught_after"] == {"fraud": 5, "good_challenged": 0, "good_stopped": 5}
    assert "10 of which end otherwise" in picture.read_text()


def test_people_read_a_table(fresh: Terminal, file: Path, folder: Path) -> None:
    more = ("--preset", "judge_only", "--label", "TX_FRAUD")

    said = fresh("backtest", file, "--strategy", folder, *more).stdout

    for line in ("approve -> decline", "burst_from_one_payer", "of 5", "2 rows are no payments"):
        assert line in said


@pytest.mark.long
def test_both_strategies_judge_by_the_lists_that_are_given(
    payguard: Terminal, merchant_id: str, file: Path, folder: Path
) -> None:
    at = ("--merchant", merchant_id)
    why = ("--reason", "card testing", "--owner", "risk team")
    payguard.json("lists", "add", "block", "payee", "terminal-1", *why, *at)
    payguard.json("lists", "add", "watch", "email", "lin@example.com", *why, *at)
    lists = file.with_name("lists.jsonl")
    payguard.json("lists", "export", lists, *at)
    asked = ("backtest", file, "--strategy", folder, "--preset", "judge_only", "--lists", lists)

    found = payguard.json(*asked, *at)

    # Every third payment is to the payee; of the ten that the new limit stops, some are others'.
    assert found["outcomes"]["decline"] == {"before": 10, "after": 17}
    assert {one["rule"]: one["hits"] for one in found["rules"]} == {
        "burst_from_one_payer": {"before": 0, "after": 10},
        "list:line_2": {"before": 10, "after": 10},
    }
    assert found["lists"] == {"entries": 2, "unknown": 0}
    printed = payguard(*asked).stdout
    assert "2 entries of lists stand all through; 1 are pseudonyms" in printed
    assert payguard.json(*asked[:-2])["lists"] is None


@pytest.mark.long
def test_it_compares_with_the_strategy_in_force(
    payguard: Terminal, file: Path, folder: Path
) -> None:
    made = payguard.json("strategy", "activate", folder)

    found = payguard.json("backtest", file, "--strategy", folder)

    assert found["before"] == found["after"] == made["strategy_id"]
    assert found["transitions"] == {}


@pytest.fixture
def modelled(fresh: Terminal, tmp_path: Path) -> tuple[Path, Path]:
    """Return the folder of a strategy with a model, and the model's file."""
    file, folder = tmp_path / "some.pgmodel", tmp_path / "modelled"
    file.write_bytes(a_model())
    fresh.json("strategy", "new", folder, "--model", file)
    return folder, file


@pytest.mark.long
def test_a_strategy_with_a_model_is_tried_with_its_file(
    fresh: Terminal, file: Path, modelled: tuple[Path, Path]
) -> None:
    folder, model = modelled

    asked = fresh.json("backtest", file, "--strategy", folder)
    other = fresh.json("backtest", file, "--strategy", folder, "--model", file)
    nowhere = fresh.json("backtest", file, "--strategy", folder, "--model", folder / "none")
    found = fresh.json("backtest", file, "--strategy", folder, "--model", model)

    assert asked["error"]["code"] == "model_missing"
    assert other["error"]["code"] == "model_invalid"
    assert nowhere["error"]["code"] == "file_unreadable"
    assert found["payments"] == 30


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--preset", "XX"), "preset_unknown"),
        (("--label", "NOT_THERE"), "columns_missing"),
        (("--map", "nowhere.toml"), "map_unreadable"),
        (("--svg", "/nowhere/at/all.svg"), "file_unusable"),
    ],
)
def test_what_cannot_be_is_refused(
    fresh: Terminal, file: Path, folder: Path, more: tuple[str, ...], code: str
) -> None:
    found = fresh.json("backtest", file, "--strategy", folder, *more)

    assert found["error"]["code"] == code


def test_a_file_without_payments_is_said(fresh: Terminal, file: Path, folder: Path) -> None:
    file.write_text(HEAD + "\n,,,,,\n")

    found = json.loads(fresh("backtest", file, "--strategy", folder, "--json").stdout)

    assert found["error"]["code"] == "no_payments"
