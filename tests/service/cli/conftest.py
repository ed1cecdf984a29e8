"""A migrated data folder, made once and copied for each test that needs one."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from service.db.places import Database, Place
from service.settings import read_settings
from tests.contract.house import House
from tests.support.postgres import Cluster
from tests.support.signed import SignedLog, write_log
from tests.support.terminal import Terminal, Told


@pytest.fixture(scope="session")
def migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("template") / "home"
    assert Terminal(home)("migrate").exit_code == 0
    return home


@pytest.fixture(scope="session")
def told_once(
    tmp_path_factory: pytest.TempPathFactory, profile: str
) -> tuple[Path, dict[str, Any]]:
    """Return the data folder that a demo left behind, and what it said.

    The weeks that its shop lived through are left to the larger profiles.
    """
    folder = tmp_path_factory.mktemp("demo") / "data"
    bare = ["--bare"] if profile == "quick" else []
    said = Terminal(folder).json("demo", "--once", "--port", "0", "--keep", folder, *bare)
    return folder, said


@pytest.fixture
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Told:
    """A copy of a demo's data, with what it said; on PostgreSQL, of a service of one payment.

    A test that uses `store_kind` runs on both.
    """
    home = tmp_path / "home"
    database = _database(request)
    if database is not None:
        return Told(Terminal(home, database), {"answer": _paid(home, database)})
    folder, said = request.getfixturevalue("told_once")
    shutil.copytree(folder, home)
    return Told(Terminal(home), said)


def _database(request: pytest.FixtureRequest) -> Database | None:
    """Return the database of a test that runs on PostgreSQL, and None where it does not."""
    if "store_kind" not in request.fixturenames:
        return None
    place: Place = request.getfixturevalue("own_place")
    return place if isinstance(place, Database) else None


def _paid(home: Path, database: Database) -> dict[str, Any]:
    """Return the answer to the one payment of a service that has ended."""
    home.mkdir(mode=0o700)
    house = House(home, database=database)
    try:
        return house.create(house.key(house.merchant()))
    finally:
        house.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Terminal:
    """Commands over a data folder that is not there yet."""
    return Terminal(tmp_path / "home")


@pytest.fixture
def payguard(request: pytest.FixtureRequest, tmp_path: Path) -> Terminal:
    """Commands over a migrated database in which nothing happened.

    A test that uses `store_kind` runs on both databases.
    """
    home = tmp_path / "home"
    database = _database(request)
    if database is not None:
        made = Terminal(home, database)
        assert made("migrate").exit_code == 0
        return made
    shutil.copytree(request.getfixturevalue("migrated_once"), home)
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
