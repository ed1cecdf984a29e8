"""What the writer logs, and its counts, which do not fill the folder that lies in memory."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from service.kernel.clock import FrozenClock
from service.kernel.logs import logger
from service.writer.measure import Measure, forget_ended
from tests.support.uow import START


def test_a_store_that_is_away_is_told_once_with_the_reason_and_its_return_too() -> None:
    lines = io.BytesIO()
    measure = Measure(CollectorRegistry(), logger(stream=lines, clock=FrozenClock(START)))

    for _ in range(2):
        measure.unavailable(commands=3, reason="QueryCanceled 57014")
        measure.unavailable(commands=1, reason="OperationalError")
        measure.committed(batch=8, outcomes=[], commit_ns=1_000)

    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    told = [one for one in found if one["event"] != "batch_committed"]
    assert [one["event"] for one in told] == ["store_unavailable", "store_answers_again"] * 2
    assert (told[0]["commands"], told[0]["reason"]) == (3, "QueryCanceled 57014")


def test_counts_of_ended_processes_go_and_those_of_running_ones_stay(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    for process in (os.getpid(), 1, ended.pid, 4_294_967_296):
        (tmp_path / f"gauge_mostrecent_{process}.db").touch()
    for name in ("other.db", f"counter_{ended.pid}.txt"):
        (tmp_path / name).touch()

    forget_ended(tmp_path)

    assert {one.name for one in tmp_path.iterdir()} == {
        f"gauge_mostrecent_{os.getpid()}.db",
        "gauge_mostrecent_1.db",
        "other.db",
        f"counter_{ended.pid}.txt",
    }


@pytest.mark.long
def test_a_writer_that_starts_removes_what_an_ended_process_left(tmp_path: Path) -> None:
    left = tmp_path / "counter_4294967296.db"
    left.touch()
    # It cannot start: the counts go all the same, or a unit in a loop would fill the folder.
    environment = {
        **os.environ,
        "PAYGUARD_DATA_DIR": str(tmp_path / "nowhere"),
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-m", "service.writer.main"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "cannot start" in done.stderr
    assert done.returncode == 2
    assert not left.exists()
