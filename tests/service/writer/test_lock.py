"""The writer's lock: one process at a time, whoever it is and in whatever state."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.db.store import StoreUnavailable
from service.writer.lock import WriterLock, WriterRuns

HOLD = """
import pathlib, sys
from service.writer.lock import WriterLock
with WriterLock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "writer.lock"


@pytest.fixture
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_does_not_start_and_says_who_holds_the_lock(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    with pytest.raises(WriterRuns) as refused, WriterLock(path):
        pass

    assert f"process {holder.pid} on " in str(refused.value)


def test_a_second_writer_does_not_start_beside_a_stopped_one(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    os.kill(holder.pid, signal.SIGSTOP)

    with pytest.raises(WriterRuns, match=f"process {holder.pid} "), WriterLock(path):
        pass

    os.kill(holder.pid, signal.SIGCONT)


def test_a_killed_writer_s_lock_is_free_at_once(path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()

    with WriterLock(path):
        assert path.read_text().startswith(f"process {os.getpid()} on ")


def test_a_refused_writer_leaves_the_holder_s_name(
    path: Path, holder: subprocess.Popen[str]
) -> None:
    for _ in range(2):
        with pytest.raises(WriterRuns, match=f"process {holder.pid} "), WriterLock(path):
            pass


def test_a_lock_given_back_can_be_taken_again(path: Path) -> None:
    for _ in range(2):
        with WriterLock(path):
            pass


def test_a_lock_is_not_handed_to_a_process_that_is_started(path: Path) -> None:
    with WriterLock(path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    with WriterLock(path):
        pass
    child.communicate(b"\n")


def test_only_its_owner_may_read_the_lock(path: Path) -> None:
    with WriterLock(path):
        assert path.stat().st_mode & 0o077 == 0


def test_a_lock_that_cannot_be_opened_is_told_with_what_to_do(path: Path) -> None:
    path.mkdir()

    with pytest.raises(StoreUnavailable, match="run as the owner"), WriterLock(path):
        pass
