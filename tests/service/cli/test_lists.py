"""`payguard lists`: added, listed, removed; an export is imported as it was, line by line."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from risk.strategy import load_strategy
from tests.support.terminal import Terminal

WHY = ("--reason", "card testing", "--owner", "risk team")


def add(payguard: Terminal, merchant_id: str, *entry: object) -> dict[str, Any]:
    return dict(payguard.json("lists", "add", *entry, *WHY, "--merchant", merchant_id))


def listed(payguard: Terminal, merchant_id: str, *more: object) -> list[dict[str, Any]]:
    return list(payguard.json("lists", "list", "--merchant", merchant_id, *more))


@pytest.mark.usefixtures("store_kind")
def test_an_entry_is_added_listed_and_removed(payguard: Terminal, merchant_id: str) -> None:
    made = add(payguard, merchant_id, "block", "ip", "203.0.113.0/24", "--strength", "absolute")

    assert (made["strength"], made["prefix"], made["added_by"]) == ("absolute", 24, "cli")
    assert "203.0.113" not in json.dumps(made)
    assert listed(payguard, merchant_id) == [made]
    assert listed(payguard, merchant_id, "--mode", "live") == []
    assert listed(payguard, merchant_id, "--kind", "allow") == []
    payguard.json("lists", "remove", made["id"], "--merchant", merchant_id)
    assert listed(payguard, merchant_id) == []


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (("block", "ip", "203.0.113.9/24"), "options_invalid"),
        (("allow", "payee", "p_1", "--strength", "absolute"), "options_invalid"),
        (("block", "payee", "p_1", "--expires-at", "soon"), "options_invalid"),
        (("block", "payee", "p_1", "--expires-at", "2020-01-01T00:00:00Z"), "list_entry_over"),
    ],
)
def test_what_cannot_be_is_refused(
    payguard: Terminal, merchant_id: str, entry: tuple[str, ...], code: str
) -> None:
    said = add(payguard, merchant_id, *entry)

    assert said["error"]["code"] == code
    assert listed(payguard, merchant_id) == []


@pytest.mark.long
@pytest.mark.usefixtures("store_kind")
@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_an_export_is_imported_as_it_was(
    payguard: Terminal, merchant_id: str, tmp_path: Path, ending: str
) -> None:
    add(payguard, merchant_id, "block", "ip", "203.0.0.0/16", "--strength", "override")
    add(payguard, merchant_id, "watch", "email", "lin@example.com")
    add(payguard, merchant_id, "allow", "payee", "=1+1", "--expires-at", "2100-01-01T00:00:00Z")
    file = tmp_path / f"entries.{ending}"
    at = ("--merchant", merchant_id)

    assert payguard.json("lists", "export", file, *at)["entries"] == 3
    again = payguard.json("lists", "import", file, *at)
    assert again == {"added": 0, "there": 3, "wrong": []}
    other = payguard.json("lists", "import", file, *at, "--mode", "live")
    assert other == {"added": 3, "there": 0, "wrong": []}
    copied = listed(payguard, merchant_id, "--mode", "live")
    fields = ("kind", "strength", "entity", "value", "prefix", "reason", "owner", "expires_at")
    assert sorted([[one[name] for name in fields] for one in copied], key=str) == sorted(
        [[one[name] for name in fields] for one in listed(payguard, merchant_id)], key=str
    )
    assert payguard("lists", "export", file, *at).exit_code == 2
    if ending == "csv":
        assert "'=1+1" in file.read_text()


def test_lines_that_are_wrong_are_named_and_the_others_added(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    why = {"reason": "card testing", "owner": "risk team"}
    lines = [
        json.dumps({"kind": "block", "entity": "bin", "value": "411111"} | why),
        "{",
        json.dumps({"kind": "block", "entity": "ip", "value": "203.0.113.9/24"} | why),
        json.dumps({"kind": "block", "entity": "payee", "value": "p_1", "more": 1} | why),
        json.dumps({"kind": "block", "entity": "payee", "value": "p_1"} | why),
    ]
    file = tmp_path / "entries.jsonl"
    file.write_text("\n".join(lines))

    result = payguard("lists", "import", file, "--merchant", merchant_id, "--json")

    said = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (said["added"], [one["line"] for one in said["wrong"]]) == (2, [2, 3, 4])
    assert "203.0.113" not in result.stdout


def test_a_csv_file_says_what_its_columns_are(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "entries.csv"
    file.write_text("block,payee,p_1\n")

    said = payguard.json("lists", "import", file, "--merchant", merchant_id)

    assert said["error"]["code"] == "file_unreadable"


def test_a_csv_file_is_imported_as_far_as_it_is_whole(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "entries.csv"
    head = "kind,entity,value,reason,owner\n"
    swallowed = "watch,payee,p_2,why,me\n" * 10_000
    file.write_text(f'{head}watch,payee,p_1,why,me\n"watch,payee,p_2,why,me\n{swallowed}')

    told = payguard.json("lists", "import", file, "--merchant", merchant_id)

    assert told["added"] == 1
    [wrong] = told["wrong"]
    assert (wrong["line"], wrong["detail"]) == (3, "the file is damaged from here on")


def test_a_csv_file_without_a_readable_first_line_is_refused(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "entries.csv"
    file.write_text('"' + "x" * 200_000)

    told = payguard.json("lists", "import", file, "--merchant", merchant_id)

    assert told["error"]["code"] == "file_unreadable"


def test_people_read_the_words_of_a_rule_in_both_languages(
    payguard: Terminal, merchant_id: str
) -> None:
    strategy = load_strategy()
    made = add(payguard, merchant_id, "watch", "device", "d_1")
    [rule] = [one for one in strategy.rules if one.code == "remote_access_transfer"]
    with (
        contextlib.closing(sqlite3.connect(payguard.home / "payguard.sqlite")) as database,
        database,
    ):
        # As if the rule had added it.
        database.execute(
            "UPDATE list_entries SET owner = ?, added_by = ?", (rule.code, strategy.id)
        )

    printed = payguard("lists", "list", "--merchant", merchant_id).stdout

    assert f"{rule.meaning.en} {rule.meaning.zh}" in printed
    assert "card testing" not in printed
    assert listed(payguard, merchant_id)[0]["reason"] == made["reason"]
