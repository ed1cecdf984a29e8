import json
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.curls import Line
from service.cli.demo import of_demo
from service.cli.screen import SOMETHING_FAILED
from service.settings import PREFIX, Settings, read_settings
from tests.service.cli.test_curls import all_lines
from tests.support.places import change
from tests.support.terminal import Process, Terminal

servers = pytest.mark.servers

# These have tests of their own below.
ELSEWHERE = {all_lines()[2].title, all_lines()[9].title}


@pytest.fixture(scope="module")
def demo() -> Iterator[Process]:
    with Process("demo", "--port", "0", environment={}) as process:
        yield process


def paste(line: str, folder: Path) -> str:
    """Run a printed line in a bash of its own, as a person pastes it."""
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def printed(demo: Process, place: int) -> Line:
    return Line(**demo.ready["lines"][place])


def answer(demo: Process, place: int, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(paste(printed(demo, place).line, folder))
    return found


@servers
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        (0, {"status": "approved", "outcome": "approve"}),
        (1, {"status": "executing", "decision": "go"}),
        (3, {"status": "declined", "outcome": "decline"}),
        (4, {"status": "approved", "reason_code": "small_payment", "liability": "provider"}),
        (5, {"status": "executing", "decision": "go"}),
        (6, {"status": "challenge_required", "outcome": "challenge"}),
        (7, {"status": "declined", "outcome": "decline"}),
        (8, {"status": "approved"}),
    ],
    ids=[f"{one.group}, {one.title}" for one in all_lines() if one.title not in ELSEWHERE],
)
def test_a_pasted_line_is_answered_as_its_title_says(
    demo: Process, tmp_path: Path, place: int, expected: dict[str, Any]
) -> None:
    found = answer(demo, place, tmp_path)

    assert {name: found.get(name) for name in expected} == expected


@servers
def test_the_doubled_payment_is_the_first_one_replayed(demo: Process, tmp_path: Path) -> None:
    first = answer(demo, 0, tmp_path)

    head, _, body = paste(printed(demo, 2).line, tmp_path).partition("\n\n")

    assert json.loads(body)["id"] == first["id"]
    assert "Idempotent-Replayed: true" in head


@servers
def test_a_small_payment_needs_level_0_and_a_larger_one_level_1(
    demo: Process, tmp_path: Path
) -> None:
    small, larger = answer(demo, 4, tmp_path), answer(demo, 6, tmp_path)

    assert small["assessment"]["explanation"]["exemption"] == "small_payment"
    assert larger["challenge"]["level"] == 1


@servers
def test_the_metrics_line_prints_decisions(demo: Process, tmp_path: Path) -> None:
    assert "payguard_decisions_total{" in paste(printed(demo, 9).line, tmp_path)


@servers
def test_every_line_works_a_second_time(demo: Process, tmp_path: Path) -> None:
    for one in demo.ready["lines"]:
        paste(one["line"], tmp_path)


@servers
def test_two_demos_run_side_by_side_and_leave_nothing_behind() -> None:
    bare = ("demo", "--bare")
    with Process(*bare, environment={}) as one, Process(*bare, environment={}) as other:
        urls = {one.url, other.url}
        by_ctrl_c = one.stop(by=signal.SIGINT)
        by_term = other.stop(by=signal.SIGTERM)

    assert len(urls) == len([one, other])
    assert by_ctrl_c == by_term == (0, "")
    assert not Path(one.ready["data_dir"]).exists()
    assert not Path(other.ready["data_dir"]).exists()


@pytest.mark.long
def test_a_shop_has_lived_through_weeks_of_payments_and_labels(
    told_once: tuple[Path, dict[str, Any]],
) -> None:
    history = told_once[1]["history"]

    assert history["payments"] == sum(history["outcomes"].values()) > 1_000
    assert history["labels"] > 30


def test_a_demo_touches_nothing_of_a_service_whose_settings_are_set(tmp_path: Path) -> None:
    real, own = tmp_path / "real", tmp_path / "own"
    named = {name for name in Settings.__struct_fields__ if name.endswith(("_dir", "_folder"))}
    named |= {"root_key_file"}
    urls = ("database_url", "reader_url", "owner_url")
    environment = {f"{PREFIX}{one.upper()}": str(real / one) for one in named}
    environment |= {f"{PREFIX}{one.upper()}": "postgresql://real/payguard" for one in urls}

    found = of_demo(read_settings(environment), own, port=8080)

    files = {
        name: getattr(found, name)
        for name in dir(found)
        if not name.startswith("_") and isinstance(getattr(found, name), Path)
    }
    assert len(files) > 8
    assert not [name for name, one in files.items() if not one.is_relative_to(own)]
    # The child that learns reads the environment and not these settings.
    assert found.challenger_every_s == 0


@pytest.mark.long
def test_the_log_of_a_demo_verifies_and_that_is_told(
    told_once: tuple[Path, dict[str, Any]],
) -> None:
    log = told_once[1]["log"]

    assert (log["verified"], log["fault"]) == (True, None)
    assert log["entries"] > told_once[1]["history"]["payments"]
    # The last entry says how the tree grew, and is signed with the next.
    assert log["outside"] == log["size"] >= log["entries"] - 1


@servers
def test_a_demo_whose_log_does_not_verify_fails(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Process("demo", "--bare", "--port", "0", "--keep", folder, environment={}) as process:
        assert process.ready["log"]["verified"]
        place = read_settings({f"{PREFIX}DATA_DIR": str(folder)}).database
        change(place, "UPDATE entries SET kind = 'x.y' WHERE position = 3")
        status, _ = process.stop()

    assert status == SOMETHING_FAILED
    found = Terminal(folder).json("audit", "verify")
    assert (found["verified"], found["position"], found["field"]) == (False, 3, "kind")


@pytest.mark.long
def test_a_bare_demo_has_no_history(tmp_path: Path) -> None:
    said = Terminal(tmp_path).json("demo", "--once", "--port", "0", "--bare")

    assert said["history"] is None
    assert said["kinds"] == []


def test_a_port_that_was_asked_for_and_is_taken_is_a_failure(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = Terminal(tmp_path)("demo", "--once", "--port", taken.getsockname()[1])

    assert result.exit_code == 2
    assert "leave --port away" in result.stderr


def test_kept_data_stay_and_are_a_service_s(told_once: tuple[Path, dict[str, Any]]) -> None:
    folder, said = told_once

    assert Terminal(folder)("migrate", "--check").exit_code == 0
    assert said["data_dir"] == str(folder)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()

    result = Terminal(tmp_path)("demo", "--once", "--keep", tmp_path)

    assert result.exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_the_demo_s_log_holds_no_key_and_no_token(
    told_once: tuple[Path, dict[str, Any]],
) -> None:
    folder, said = told_once
    log = (folder / "payguard.log").read_text()

    secrets = [said["answer"]["payment_token"], *(shop["key"] for shop in said["shops"])]
    assert "batch_committed" in log
    assert not [secret for secret in secrets if secret in log]


@pytest.mark.long
def test_the_model_library_is_never_loaded() -> None:
    program = "import sys, service.demo, service.cli.demo; print('xgboost' in sys.modules)"

    found = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )

    assert found.stdout == "False\n"
