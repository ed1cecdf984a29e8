import shutil
import subprocess
import sys

import pytest

from bench.tables import README
from tests.support.servers import ROOT

BRIEF = ("--rounds", "1", "--seconds", "0.3", "--open-seconds", "0.5")


@pytest.mark.servers
@pytest.mark.long
def test_the_command_measures_every_side_and_rewrites_its_tables(tmp_path, sized):
    page = shutil.copy(README, tmp_path / "README.md")
    before = page.read_text()
    stores = ("SQLite", "PostgreSQL")[: sized(quick=1, ci=1, full=2)]

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.decision",
            *BRIEF,
            "--stores",
            *stores,
            "--write",
            "--page",
            str(page),
        ],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )

    after = page.read_text()
    assert done.stdout.strip() in after
    assert after.partition("<!-- decision -->")[0] == before.partition("<!-- decision -->")[0]
    assert after.partition("<!-- /decision -->")[2] == before.partition("<!-- /decision -->")[2]
    sides = [f"{side}, {store}" for store in stores for side in ("decision", "rival", "in memory")]
    for side in ("constant route", "constant, our server", "bad body refused", *sides):
        assert f"| {side} |" in after
    for goal in ("CPU, rival / ours", "p99.9 / p50", "disk / memory", "refusing a bad body"):
        assert goal in after
