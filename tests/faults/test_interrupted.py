"""An upgrade or a restore killed anywhere: the store is the old or the new one, and again helps."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from keys import entropy
from service.db import backup_sqlite
from service.db.backup import StoreFacts, read_manifest
from service.db.keepers import open_keeper
from service.db.places import Database
from service.kernel.clock import SystemClock
from service.secrets import open_secrets
from tests.golden.conftest import Golden, cluster_of
from tests.support.books import Books
from tests.support.postgres import Cluster
from tests.support.servers import ROOT
from tests.support.terminal import Terminal

pytestmark = [pytest.mark.servers, pytest.mark.long]

Sized = Callable[..., int]
COMMAND_S: Final = 120


class Killed:
    """A command that is run on a data folder until it has passed so many points."""

    def __init__(self, home: Path, *arguments: object, **environment: str) -> None:
        self._arguments = [str(one) for one in arguments]
        self._environment = {"PAYGUARD_DATA_DIR": str(home), **environment}
        self._points = home.with_name("points")

    def run(self, dies_after: int = 0) -> int:
        """Run it; return how many points it passed."""
        self._points.unlink(missing_ok=True)
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.mortal_command", *self._arguments],
            cwd=ROOT,
            env={
                **os.environ,
                **self._environment,
                "PAYGUARD_TEST_DIES_AFTER": str(dies_after),
                "PAYGUARD_TEST_POINTS": str(self._points),
            },
            capture_output=True,
            timeout=COMMAND_S,
            check=False,
        )
        assert done.returncode == (-signal.SIGKILL if dies_after else 0), done.stderr.decode()
        return len(self._points.read_text().splitlines())

    def run_for(self, seconds: float) -> None:
        """Run it and kill it after a while, wherever it is then; it may have ended before."""
        with subprocess.Popen(
            [sys.executable, "-m", "tests.support.mortal_command", *self._arguments],
            cwd=ROOT,
            env={
                **os.environ,
                **self._environment,
                "PAYGUARD_TEST_POINTS": str(self._points),
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running:
            try:
                assert running.wait(timeout=seconds) == 0
            except subprocess.TimeoutExpired:
                running.kill()


def spread(points: int, wanted: int) -> list[int]:
    """Return some of the points, first and last among them."""
    return sorted({int(one) for one in np.linspace(1, points, wanted)})


def test_an_upgrade_killed_anywhere_is_finished_by_another(
    store_kind: str, tmp_path: Path, sized: Sized, request: pytest.FixtureRequest
) -> None:
    def released(name: str) -> Golden:
        golden = Golden(tmp_path / name / "home", cluster_of(store_kind, request))
        golden.home.parent.mkdir()
        golden.unpack()
        return golden

    def facts(golden: Golden) -> StoreFacts | None:
        return open_keeper(golden.database).facts()

    whole = released("whole")
    before = facts(whole)
    assert before is not None
    points = Killed(whole.home, "upgrade", **whole.terminal.environment).run()
    after = facts(whole)
    assert after is not None

    for point in spread(points, sized(quick=3, ci=4, full=40)):
        golden = released(f"killed-{point}")
        Killed(golden.home, "upgrade", **golden.terminal.environment).run(dies_after=point)
        assert facts(golden) in (before, after), point

        assert golden.terminal("upgrade").exit_code == 0, point

        assert facts(golden) == after, point
        books = Books(golden.database)
        books.check()
        books.check_decisions(
            open_secrets(golden.settings.root_file, entropy.system, is_used=True).sealer
        )
        # One backup, whole, of what was there before, however often it was begun.
        [made] = (golden.home / "backups").iterdir()
        assert read_manifest(made).store == before, point
        shutil.rmtree(golden.home)


def test_a_restore_killed_anywhere_leaves_the_old_store_or_the_new(
    tmp_path: Path, sized: Sized
) -> None:
    golden = Golden(tmp_path / "home")
    golden.unpack()
    assert golden.terminal("upgrade").exit_code == 0
    kept = tmp_path / "kept"
    assert golden.terminal("backup", kept).exit_code == 0
    new = backup_sqlite.facts(golden.database)
    assert golden.terminal("merchant", "create", "--name", "After").exit_code == 0
    old = backup_sqlite.facts(golden.database)
    template = golden.home.with_name("template")
    golden.home.rename(template)
    arguments = ("restore", kept, "--replace")
    shutil.copytree(template, golden.home)
    points = Killed(golden.home, *arguments).run()

    for point in spread(points, sized(quick=4, ci=4, full=40)):
        shutil.rmtree(golden.home)
        shutil.copytree(template, golden.home)
        Killed(golden.home, *arguments).run(dies_after=point)
        found = backup_sqlite.facts(golden.database)
        assert found in (old, new), point
        if found != old:
            [aside] = golden.home.glob("*.replaced-*")
            assert backup_sqlite.facts(aside) == old

        assert golden.terminal(*arguments).exit_code == 0, point

        assert backup_sqlite.facts(golden.database) == new, point


def addressed(place: Database) -> dict[str, str]:
    """Return the settings that name a database in each of its roles."""
    return {
        "PAYGUARD_DATABASE_URL": place.writer,
        "PAYGUARD_READER_URL": place.reader,
        "PAYGUARD_OWNER_URL": place.owner,
    }


def test_a_restore_of_postgres_killed_at_any_moment_leaves_the_old_store_or_the_new(
    quick_cluster: Cluster, tmp_path: Path, sized: Sized
) -> None:
    def facts() -> tuple[object, ...]:
        found: StoreFacts | None = open_keeper(place).facts()
        assert found is not None
        return found.tables, found.logs, found.sequence

    home, kept = tmp_path / "home", tmp_path / "kept"
    place = quick_cluster.database()
    addresses = addressed(place)
    terminal = Terminal(home)
    for arguments in (("migrate",), ("merchant", "create", "--name", "Before"), ("backup", kept)):
        result = terminal(*arguments, **addresses)
        assert result.exit_code == 0, result.output
    new = facts()
    result = terminal("merchant", "create", "--name", "After", **addresses)
    assert result.exit_code == 0, result.output
    arguments = ("restore", kept, "--replace")
    killed = Killed(home, *arguments, **addresses)
    clock = SystemClock()
    began_ns = clock.monotonic_ns()
    points = killed.run()
    whole_s = (clock.monotonic_ns() - began_ns) / 1e9
    assert facts() == new
    wanted = sized(quick=2, ci=2, full=30)
    seen: list[bool] = []

    def back_to_the_old() -> tuple[object, ...]:
        result = terminal("merchant", "create", "--name", "After", **addresses)
        assert result.exit_code == 0, result.output
        return facts()

    for point in spread(points, wanted):
        old = back_to_the_old()
        killed.run(dies_after=point)
        seen.append(facts() == new)
        assert seen[-1] or facts() == old, point
        result = terminal(*arguments, **addresses)
        assert result.exit_code == 0, (point, result.output)
        assert facts() == new, point
    # Between two steps of ours the server works through the dump: a kill by the clock meets that.
    for after_s in np.linspace(whole_s / 3, whole_s, wanted):
        old = back_to_the_old()
        killed.run_for(float(after_s))
        seen.append(facts() == new)
        assert seen[-1] or facts() == old, after_s
        result = terminal(*arguments, **addresses)
        assert result.exit_code == 0, (after_s, result.output)
        assert facts() == new, after_s
    assert not all(seen)
