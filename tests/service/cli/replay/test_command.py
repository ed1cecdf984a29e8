import json
from pathlib import Path
from typing import Any

import pytest

from tests.service.cli.replay.conftest import Scripted
from tests.support.terminal import Process, Terminal

pytestmark = pytest.mark.servers

# Far from the numbers of the handbook, which is sent to the same demo.
FIRST = 10**9
HEAD = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT\n"


def rows(folder: Path, first: int, *amounts: str) -> Path:
    """Write a CSV file whose rows have references, payers and a payee of their own.

    What another test of the same demo paid is nobody's history here, so that no rule minds.
    """
    file = folder / f"{first}.csv"
    lines = [
        f"{FIRST + first + place},2018-04-01 00:00:3{place},{first + place},{first},{amount}\n"
        for place, amount in enumerate(amounts)
    ]
    file.write_text(HEAD + "".join(lines))
    return file


def replay(demo: Process, key_file: Path, file: Path, *more: str) -> tuple[int, dict[str, Any]]:
    arguments = ("replay", file, "--url", demo.url, "--key-file", key_file, "--json", *more)
    result = Terminal(file.parent)(*arguments)
    return result.exit_code, json.loads(result.stdout)


def test_every_row_is_judged_and_executed(demo: Process, key_file: Path, tmp_path: Path) -> None:
    file = rows(tmp_path, 100, "57.16", "0.00", "81.515")

    status, summary = replay(demo, key_file, file, "--now", "--execute")

    assert status == 0
    assert summary["judged"] == {"approve": 3}
    assert summary["executed"] == {"go": 3}
    assert summary["rounded"] == 1


def test_a_second_run_of_now_changes_nothing(demo: Process, key_file: Path, tmp_path: Path) -> None:
    file = rows(tmp_path, 200, "1.00", "2.00")
    replay(demo, key_file, file, "--now", "--execute")

    status, summary = replay(demo, key_file, file, "--now", "--execute")

    assert status == 0
    assert (summary["sent_before"], summary["executed"]) == (2, {})


def test_a_run_that_only_judged_is_executed_by_the_next(
    demo: Process, key_file: Path, tmp_path: Path
) -> None:
    file = rows(tmp_path, 300, "1.00")
    replay(demo, key_file, file, "--now")

    status, summary = replay(demo, key_file, file, "--now", "--execute")

    assert (status, summary["executed"]) == (0, {"go": 1})


def test_rows_and_labels_go_in_the_order_of_their_own_times(
    scripted: Scripted, tmp_path: Path
) -> None:
    file = tmp_path / "past.csv"
    lines = (
        f"{FIRST + 901},2018-04-02 00:00:30,1,7,1.00,0\n",
        f"{FIRST + 902},2018-04-20 00:00:30,1,7,3.00,0\n",
        f"{FIRST + 900},2018-04-01 00:00:30,1,7,2.00,1\n",
    )
    file.write_text(f"{HEAD.strip()},TX_FRAUD\n{''.join(lines)}")
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})

    status, summary = sent_to(scripted, file, tmp_path)

    assert (status, summary["labelled"]) == (0, {"unauthorized": 1})
    told = [one.body.get("occurred_at") or one.body["known_at"] for one in scripted.asked]
    assert told == [f"2018-04-{day}T00:00:30Z" for day in ("01", "02", "08", "20")]


def history_file(folder: Path) -> Path:
    """Write four payments on three days; the second and the third turn out to be fraud."""
    file = folder / "history.csv"
    lines = (
        f"{FIRST + 951},2018-04-01 23:00:00,1,7,1.00,0\n",
        f"{FIRST + 952},2018-04-02 23:00:00,2,7,2.00,1\n",
        f"{FIRST + 953},2018-04-03 00:00:00,3,7,3.00,1\n",
        f"{FIRST + 954},2018-04-03 01:00:00,4,7,4.00,0\n",
    )
    file.write_text(f"{HEAD.strip()},TX_FRAUD\n{''.join(lines)}")
    return file


def test_history_is_sent_first_and_not_reported(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})

    status, summary = sent_to(scripted, history_file(tmp_path), tmp_path, "--history", "2")

    assert status == 0
    assert (summary["history"], summary["rows"], summary["judged"]) == (2, 2, {"approve": 2})
    # A label of history that became known afterwards is told in its turn.
    assert summary["labelled"] == {"unauthorized": 2}
    times = [one.body.get("occurred_at") or one.body["known_at"] for one in scripted.asked]
    assert set(times[:2]) == {"2018-04-01T23:00:00Z", "2018-04-02T23:00:00Z"}
    assert len(times) == 6


def test_a_limit_is_of_what_follows_history(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})
    file = history_file(tmp_path)

    _, summary = sent_to(scripted, file, tmp_path, "--history", "2", "--limit", "1")

    assert (summary["history"], summary["rows"]) == (2, 1)


def test_history_that_fails_is_told(scripted: Scripted, tmp_path: Path) -> None:
    scripted.answer(422, {"code": "invalid_request"})
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})

    status, summary = sent_to(scripted, history_file(tmp_path), tmp_path, "--history", "2")

    assert (status, summary["history_failed"], summary["failed"]) == (1, 1, 0)


def test_history_needs_the_times_of_the_file(scripted: Scripted, tmp_path: Path) -> None:
    file = history_file(tmp_path)

    result = Terminal(tmp_path)(
        "replay", file, *given(scripted, tmp_path), "--now", "--history", "1"
    )

    assert result.exit_code == 2
    assert "leave --now out" in result.stderr


def test_with_now_no_label_is_sent(scripted: Scripted, tmp_path: Path) -> None:
    file = tmp_path / "past.csv"
    file.write_text(f"{HEAD.strip()},TX_FRAUD\n{FIRST},2018-04-02 00:00:30,1,7,1.00,1\n")
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})

    _, summary = sent_to(scripted, file, tmp_path, "--now")

    assert (summary["labelled"], len(scripted.asked)) == ({}, 1)


def test_a_file_without_the_columns_of_labels_says_so(scripted: Scripted, tmp_path: Path) -> None:
    file = rows(tmp_path, 910, "1.00")
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})

    result = Terminal(tmp_path)("replay", file, *given(scripted, tmp_path))

    assert result.exit_code == 0
    assert "no labels: the file lacks TX_FRAUD" in result.stderr


def given(scripted: Scripted, folder: Path) -> tuple[object, ...]:
    key = folder / "key"
    key.write_text(f"pgk_sandbox_{'a' * 52}")
    return ("--url", scripted.url, "--key-file", key)


def sent_to(scripted: Scripted, file: Path, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    result = Terminal(folder)("replay", file, *given(scripted, folder), "--json", *more)
    return result.exit_code, json.loads(result.stdout)


def test_old_times_are_refused_and_the_answer_is_told(
    demo: Process, key_file: Path, tmp_path: Path
) -> None:
    file = rows(tmp_path, 400, "1.00")

    status, summary = replay(demo, key_file, file)

    assert status == 1
    assert summary["errors"] == {"occurred_at_out_of_range": 1}


def test_a_row_that_is_no_payment_fails_and_the_others_go(
    demo: Process, key_file: Path, tmp_path: Path
) -> None:
    file = rows(tmp_path, 500, "1.00", "-1")

    status, summary = replay(demo, key_file, file, "--now")

    assert status == 1
    assert summary["judged"] == {"approve": 1}
    assert list(summary["errors"]) == ["row_refused (amount.value: not an amount of money)"]


def test_a_limit_sends_no_more(demo: Process, key_file: Path, tmp_path: Path) -> None:
    file = rows(tmp_path, 600, "1.00", "2.00", "3.00")

    _, summary = replay(demo, key_file, file, "--now", "--limit", "2")

    assert summary["rows"] == 2


def test_an_unknown_key_ends_it_with_what_to_do(demo: Process, tmp_path: Path) -> None:
    file = rows(tmp_path, 700, "1.00")
    key = tmp_path / "key"
    key.write_text(f"pgk_sandbox_{'a' * 52}")

    result = Terminal(tmp_path)("replay", file, "--url", demo.url, "--key-file", key, "--now")

    assert result.exit_code == 3
    assert "the key is unknown, revoked or ended" in result.stderr


def test_a_key_file_without_a_key_is_told_without_its_content(tmp_path: Path) -> None:
    file = rows(tmp_path, 800, "1.00")
    key = tmp_path / "key"
    key.write_text("my secret")

    result = Terminal(tmp_path)(
        "replay", file, "--url", "http://127.0.0.1:1", "--key-file", key, "--now"
    )

    assert result.exit_code == 2
    assert "holds no API key" in result.stderr
    assert "my secret" not in result.stderr


def test_handbook_rows_are_judged_and_executed(
    demo: Process, key_file: Path, material: Path, sized: Any
) -> None:
    file = material / "data" / "handbook" / "transactions.parquet"
    if not file.is_file():
        pytest.skip(f"test material: {file.name}")
    count = sized(quick=60, ci=150, full=1_000)

    status, summary = replay(demo, key_file, file, "--now", "--execute", "--limit", str(count))

    assert status == 0
    assert sum(summary["judged"].values()) == count
    assert summary["executed"] == {"go": summary["judged"]["approve"]}
