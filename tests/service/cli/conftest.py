"""A migrated data folder, made once and copied for each test that needs one."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from service.settings import read_settings
from tests.support.postgres import Cluster
from tests.support.signed import SignedLog, write_log
from tests.support.terminal import Terminal, Told


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("template") / "home"
    assert Terminal(home)("migrate").exit_code == 0
    return home


@pytest.fixture(scope="session")
def told_once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return the data folder that a demo left behind, and what it said."""
    folder = tmp_path_factory.mktemp("demo") / "data"
    said = Terminal(folder).json("demo", "--once", "--port", "0", "--keep", folder)
    return folder, said


@pytest.fixture
def told(told_once: tuple[Path, dict[str, Any]], tmp_path: Path) -> Told:
    """A copy of a demo's data, with what it said."""
    folder, said = told_once
    home = tmp_path / "home"
    shutil.copytree(folder, home)
    return Told(Terminal(home), said)


@pytest.fixture
def fresh(tmp_path: Path) -> Terminal:
    """Commands over a data folder that is not there yet."""
    return Terminal(tmp_path / "home")


@pytest.fixture
def payguard(migrated_once: Path, tmp_path: Path) -> Terminal:
    """Commands over a migrated database in which nothing happened."""
    home = tmp_path / "home"
    shutil.copytree(migrated_once, home)
    return Terminal(home)


@pytest.fixture
def merchant_id(payguard: Terminal) -> str:
    made = payguard.json("merchant", "create", "--name", "Kites")
    return str(made["merchant_id"])


@pytest.fixture(scope="session")
def signed_once(migrated_once: Path, tmp_path_factory: pytest.TempPathFactory) -> SignedLog:
    """A log of some hundred entries under four checkpoints."""
    home = tmp_path_factory.mktemp("signed") / "home"
    shutil.copytree(migrated_once, home)
    write_log(read_settings({"PAYGUARD_DATA_DIR": str(home)}), rounds=4, merchants=40)
    return SignedLog(home)


@pytest.fixture
def signed(signed_once: SignedLog, tmp_path: Path) -> SignedLog:
    """A copy of it, to change."""
    return signed_once.copied(tmp_path)


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.longest)],
)
def signed_on_each(request: pytest.FixtureRequest, tmp_path: Path) -> SignedLog:
    """Return a log to change, on each store; PostgreSQL's turn is in the full profile."""
    if request.param == "sqlite":
        once: SignedLog = request.getfixturevalue("signed_once")
    else:
        once = request.getfixturevalue("signed_on_postgres")
    return once.copied(tmp_path)


@pytest.fixture(scope="session")
def signed_on_postgres(
    tmp_path_factory: pytest.TempPathFactory, quick_cluster: Cluster
) -> SignedLog:
    database = quick_cluster.database(migrated=True)
    made = SignedLog(tmp_path_factory.mktemp("signed") / "home", quick_cluster, database)
    made.payguard.home.mkdir(mode=0o700)
    write_log(made.settings, rounds=4, merchants=40)
    return made
