import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from risk.models.container import unpack
from service.cli.learning import FOLDER, LOG, MODEL, Learned, Lesson, with_model
from service.cli.welcome import learnt_of
from service.settings import read_settings
from service.unit_of_work.commands import Submit


def nobody() -> Submit:
    def submit(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is to be done without a model")

    return submit


def ended(folder: Path, program: str, *, wait_s: float = 60.0) -> Learned:
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        return Lesson(folder, child, wait_s=wait_s).end(read_settings({}), nobody())
    finally:
        child.kill()
        child.communicate()


@pytest.mark.long
def test_the_demo_s_model_is_of_a_simulation_and_decides(
    told_once: tuple[Path, dict[str, Any]],
) -> None:
    folder, said = told_once
    learned = said["learned"]

    assert learned["why_not"] is None
    assert learned["origin"] == "simulated"
    assert set(learned["frauds"]) == {"unauthorized", "scam"}
    assert [one["basis"] for one in said["kinds"]] == ["model"] * 4
    assert None not in [one["score"] for one in said["kinds"]]
    assert unpack((folder / FOLDER / MODEL).read_bytes()).manifest.origin == "simulated"


@pytest.mark.long
def test_the_strategy_of_a_model_names_it_and_is_else_the_packaged_one(
    told_once: tuple[Path, dict[str, Any]],
) -> None:
    folder, said = told_once

    whole = with_model(unpack((folder / FOLDER / MODEL).read_bytes()).manifest)

    assert whole.strategy.id == said["learned"]["strategy"]
    assert whole.strategy.model is not None
    assert whole.strategy.model.sha256 == said["learned"]["model"]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (
            'print(\'{"error": {"detail": "too few frauds"}}\'); raise SystemExit(2)',
            "too few frauds",
        ),
        ("raise SystemExit(1)", LOG),
        ("print('{}'); raise SystemExit(1)", LOG),
        ("pass", "No such file"),
    ],
)
def test_without_a_model_it_says_why_and_goes_on(tmp_path: Path, program: str, why: str) -> None:
    learned = ended(tmp_path, program)

    assert learned.model is None
    assert why in (learned.why_not or "")
    assert "cold start" in learnt_of(learned)


def test_a_training_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    learned = ended(tmp_path, "import time; time.sleep(60)", wait_s=0.2)

    assert "took more than" in (learned.why_not or "")


def test_what_was_made_up_badly_is_no_model(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / MODEL).write_bytes(b"no model")

    assert ended(tmp_path, "pass").model is None
