"""The power goes: what was acknowledged was on disk, and a restart needs nothing else."""

import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.books import Books
from tests.support.power import Op, Watched, cut, strace_missing, unsynced_at_sends
from tests.support.servers import WRITER, Service
from tests.support.traffic import Traffic

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(bool(strace_missing()), reason=strace_missing() or "strace"),
]

Sized = Callable[..., int]
HASTY = "tests.support.hasty_writer"
KEPT = ("payguard.sqlite", "payguard.sqlite-wal")


class Recorded:
    """A service under load whose writes were recorded."""

    def __init__(self, folder: Path, *, writer: str, clients: int, load_s: float) -> None:
        with Service(folder / "data", writer=writer, timers=False) as service:
            shop = service.shop()
            database = service.settings.database_file
            self.paths = [str(database.with_name(name)) for name in KEPT]
            with Watched([service.writer.pid], folder / "record") as watched:
                # Nothing is asked yet, so nothing is written while these are read.
                self.before = {path: Path(path).read_bytes() for path in self.paths}
                with Traffic(service, shop, clients=clients) as self.traffic:
                    threading.Event().wait(load_s)
            self.ops: list[Op] = watched.ops()

    def lost(self, folder: Path, at: float, chance: np.random.Generator | None) -> list[str]:
        """Cut the power at a moment, restart, and return what was acknowledged and is gone."""
        folder.mkdir()
        for path, content in cut(self.before, self.ops, at, chance).items():
            (folder / Path(path).name).write_bytes(content)
        books = Books(folder / KEPT[0])
        books.check()
        rows = {row["payment_id"]: row for row in books.payments}
        known = [
            (story, asked)
            for story in self.traffic.stories
            for asked in story.asked
            if asked.answered_at.timestamp() <= at
        ]
        assert known
        return [
            asked.path
            for story, asked in known
            if story.payment_id not in rows
            or (asked.path.endswith("/execute") and rows[story.payment_id]["sent_minor"] is None)
        ]

    def moments(self, count: int, chance: np.random.Generator) -> list[float]:
        """Return when the power goes: just after one or another answer, and after the last."""
        answered = sorted(one.answered_at.timestamp() for one in self.traffic.asked)
        return [*chance.choice(answered, count - 1), answered[-1]]


def test_whatever_was_acknowledged_is_there_after_a_power_cut(tmp_path: Path, sized: Sized) -> None:
    chance = np.random.default_rng(20_261_125)
    recorded = Recorded(tmp_path, writer=WRITER, clients=4, load_s=1.5)

    for number, at in enumerate(recorded.moments(sized(quick=3, ci=5, full=40), chance)):
        assert not recorded.lost(tmp_path / f"synced-{number}", at, None)
        # A disk may have kept any part of the rest as well.
        assert not recorded.lost(tmp_path / f"torn-{number}", at, chance)


def test_no_answer_leaves_the_writer_before_the_disk_has_it(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, writer=WRITER, clients=1, load_s=1.0)

    sends = [op for op in recorded.ops if op.kind == "send"]
    assert len(sends) >= len(recorded.traffic.asked)
    assert not unsynced_at_sends(recorded.ops, recorded.paths[1:])


@pytest.mark.long
def test_both_proofs_see_a_writer_that_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    recorded = Recorded(tmp_path, writer=HASTY, clients=1, load_s=1.0)

    # Its checkpoints wait for the disk, so that just after one there is nothing to lose.
    moments = enumerate(recorded.moments(10, np.random.default_rng(20_261_130)))
    assert any(recorded.lost(tmp_path / f"synced-{number}", at, None) for number, at in moments)
    assert unsynced_at_sends(recorded.ops, recorded.paths[1:])


def test_a_process_that_has_ended_spoils_no_record_and_one_that_cannot_be_watched_does(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(["sleep", "60"]) as living, subprocess.Popen(["true"]) as ended:
        # Known to have ended, and not yet waited for.
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        with (
            Watched([ended.pid, living.pid], tmp_path / "first"),
            pytest.raises(AssertionError, match="not permitted"),
            Watched([living.pid], tmp_path / "second"),
        ):
            pass
        living.kill()
