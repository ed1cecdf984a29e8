"""The power goes under PostgreSQL: what was acknowledged was in the log on disk.

The data files are those of the last checkpoint, as on a disk that kept nothing since; the log is
what its fsync calls had returned for, or that and any part of what was written besides. Recovery
from these two is PostgreSQL's own.
"""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from service.db.places import Database
from tests.support.books import Books
from tests.support.postgres import OWNER, READER, WRITER, Cluster
from tests.support.power import Op, Watched, cut, strace_missing, unsynced_at_sends
from tests.support.servers import Service
from tests.support.traffic import Traffic

pytestmark = [
    pytest.mark.servers,
    pytest.mark.long,
    pytest.mark.skipif(bool(strace_missing()), reason=strace_missing() or "strace"),
]

Sized = Callable[..., int]
SEGMENT = re.compile(r"/(?:pg_)?wal/[0-9A-F]{24}$")
SEGMENT_BYTES = 16 << 20


@pytest.fixture
def restored() -> Iterator[Cluster]:
    """A server that is started anew on each restored folder."""
    cluster = Cluster()
    shutil.rmtree(cluster.data)
    yield cluster
    cluster._remove()


class Recorded:
    """A service on PostgreSQL under load: what its server wrote, and when its writer answered."""

    def __init__(self, cluster: Cluster, folder: Path, *, clients: int, load_s: float) -> None:
        database = cluster.database()
        self.name = str(sa.make_url(database.owner).database)
        self.base = folder / "base"
        with Service(folder / "data", database=database, timers=False) as service:
            shop = service.shop()
            with cluster.connect() as one:
                one.execute("CHECKPOINT")
            children = Path(f"/proc/{cluster.pid}/task/{cluster.pid}/children").read_text()
            servers = [cluster.pid, *(int(pid) for pid in children.split())]
            processes = [service.writer.pid, *servers]
            with Watched(processes, folder / "record") as watched:
                # Nothing is asked yet; what the server itself still does is in the record.
                shutil.copytree(cluster.data, self.base)
                with Traffic(service, shop, clients=clients) as self.traffic:
                    threading.Event().wait(load_s)
                answering = accepted(service.settings.socket_file)
            ops = watched.ops()
        self.ops: list[Op] = [op for op in ops if SEGMENT.search(op.path)]
        self.answers = [op for op in ops if op.kind == "send" and op.path in answering]
        paths = {op.path for op in self.ops}
        before = {path: self.base / "pg_wal" / Path(path).name for path in paths}
        self.before = {
            # A segment that was made meanwhile is zeros until it is written.
            path: file.read_bytes() if file.exists() else bytes(SEGMENT_BYTES)
            for path, file in before.items()
        }

    def early(self) -> list[Op]:
        """Return the writer's answers that it sent while the log was not wholly on disk."""
        return unsynced_at_sends([*self.ops, *self.answers], list(self.before))

    def lost(
        self, restored: Cluster, at: float, chance: np.random.Generator | None = None
    ) -> list[str]:
        """Cut the power at a moment, recover, and return what was acknowledged and is gone."""
        shutil.copytree(self.base, restored.data)
        (restored.data / "postmaster.pid").unlink()
        for path, content in cut(self.before, self.ops, at, chance).items():
            (restored.data / "pg_wal" / Path(path).name).write_bytes(content)
        with (restored.data / "postgresql.conf").open("a") as file:
            file.write(f"port = {restored.port}\nunix_socket_directories = '{restored.folder}'\n")
        restored.own()
        restored.start()
        try:
            books = Books(
                Database(
                    writer=restored.url(WRITER, self.name),
                    reader=restored.url(READER, self.name),
                    owner=restored.url(OWNER, self.name),
                )
            )
        finally:
            restored.stop(immediate=True)
            shutil.rmtree(restored.data)
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
        answered = sorted(one.answered_at.timestamp() for one in self.traffic.asked)
        return [*chance.choice(answered, count - 1), answered[-1]]


def accepted(listening: Path) -> set[str]:
    """Return the connections that were made to a Unix socket, as a record names them."""
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines())
    return {f"socket:[{row[6]}]" for row in rows if row[7:] == [str(listening)]}


def test_whatever_was_acknowledged_is_in_the_log_on_disk(
    tmp_path: Path, sized: Sized, restored: Cluster
) -> None:
    chance = np.random.default_rng(20_261_125)
    with Cluster() as cluster:
        recorded = Recorded(cluster, tmp_path, clients=3, load_s=1.5)

    for at in recorded.moments(sized(quick=2, ci=3, full=40), chance):
        assert not recorded.lost(restored, at)
        # A disk may have kept any part of the rest as well.
        assert not recorded.lost(restored, at, chance)


def test_no_answer_leaves_the_writer_before_the_log_is_on_disk(tmp_path: Path) -> None:
    with Cluster() as cluster:
        recorded = Recorded(cluster, tmp_path, clients=1, load_s=1.0)

    assert len(recorded.answers) >= len(recorded.traffic.asked)
    assert not recorded.early()


def test_both_proofs_see_a_server_that_does_not_wait_for_the_disk(
    tmp_path: Path, restored: Cluster
) -> None:
    with Cluster(fsync=False) as cluster:
        recorded = Recorded(cluster, tmp_path, clients=1, load_s=1.0)

    at = max(one.answered_at.timestamp() for one in recorded.traffic.asked)
    assert recorded.lost(restored, at)
    assert len(recorded.early()) >= len(recorded.traffic.asked)
