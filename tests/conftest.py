"""Fixtures every test may use: where test material lies, and which sizes to run."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.db.places import Place
from tests.support.places import Shared, with_jars
from tests.support.postgres import Cluster, cluster, quick_cluster  # noqa: F401  fixtures for every test
from tests.support.turns import turn

PROFILES = ("quick", "ci", "full")
# Processes killed, stopped and starved, again and again.
FAULTS = Path(__file__).parent / "faults"
# What is promised to users is shown with real servers in every profile.
PROOFS = Path(__file__).parent / "proofs"


@pytest.fixture(scope="session")
def profile() -> str:
    name = os.environ.get("PAYGUARD_TEST_PROFILE", "quick")
    if name not in PROFILES:
        raise pytest.UsageError(f"PAYGUARD_TEST_PROFILE must be one of {', '.join(PROFILES)}")
    return name


@pytest.fixture(scope="session")
def sized(profile: str) -> Callable[..., int]:
    """Return the size that the running profile asks for: sized(quick=1, ci=10, full=100)."""

    def pick(*, quick: int, ci: int, full: int) -> int:
        return {"quick": quick, "ci": ci, "full": full}[profile]

    return pick


@pytest.fixture(scope="session")
def material() -> Path:
    """Return the folder of foreign vectors, attacks and data, or skip by its name."""
    place = os.environ.get("PAYGUARD_TEST_MATERIAL")
    if not place:
        pytest.skip("test material: set PAYGUARD_TEST_MATERIAL to the folder that holds it")
    return Path(place)


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def store_kind(request: pytest.FixtureRequest) -> str:
    """Return which store the test runs on; a test that asks for it runs on each."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def shared_database(quick_cluster: Cluster) -> Shared:  # noqa: F811  the fixture imported above
    """Return the PostgreSQL database that tests use one after the other."""
    return Shared(quick_cluster)


@pytest.fixture
def place(store_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Return where an empty store is to be, or is; a test that asks runs on both databases."""
    if store_kind == "sqlite":
        return tmp_path / "payguard.sqlite"
    one: Shared = request.getfixturevalue("shared_database")
    one.empty()
    return one.place


@pytest.fixture
def own_place(store_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    """Return the same for a test that changes the tables themselves."""
    return _own(store_kind, tmp_path, request)


@pytest.fixture(scope="module")
def module_place(
    store_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Place:
    """Return the same for the tests of a file that only read, or tell their rows apart."""
    return _own(store_kind, tmp_path_factory.mktemp("store"), request)


def _own(store_kind: str, folder: Path, request: pytest.FixtureRequest) -> Place:
    if store_kind == "sqlite":
        return folder / "payguard.sqlite"
    running: Cluster = request.getfixturevalue("quick_cluster")
    return with_jars(running)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return over how many processes tests are spread: the largest profile has no hurry."""
    profile = os.environ.get("PAYGUARD_TEST_PROFILE", "quick")
    return 0 if profile == "full" else len(os.sched_getaffinity(0))


@pytest.fixture(autouse=True)
def _turn(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """Let a test that measures run while no other process runs one."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    alone = request.node.get_closest_marker("alone") is not None
    # Each process has a folder of its own in the one of the run.
    with turn(tmp_path_factory.getbasetemp().parent, alone=alone):
        yield


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long tests to the larger profiles: a newcomer's run stays under five minutes."""
    profile = os.environ.get("PAYGUARD_TEST_PROFILE", "quick")
    if profile == "full":
        return
    long = [item for item in items if _is_long(item, profile)]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in set(long)]


def _is_long(item: pytest.Item, profile: str) -> bool:
    """Say whether a test is left to a larger profile."""
    if item.get_closest_marker("longest"):
        return True
    if profile != "quick":
        return False
    return (
        item.path.is_relative_to(FAULTS)
        or _needs_postgres(item)
        or any(item.get_closest_marker(name) for name in ("long", "alone"))
        or _starts_servers(item)
    )


def _starts_servers(item: pytest.Item) -> bool:
    """Say whether a test starts servers, and not to show a promise."""
    return item.get_closest_marker("servers") is not None and not item.path.is_relative_to(PROOFS)


def _needs_postgres(item: pytest.Item) -> bool:
    """Say whether a test runs on a PostgreSQL server: of two stores the embedded one is enough."""
    given = getattr(getattr(item, "callspec", None), "params", {})
    is_second = given.get("store_kind") == "postgres"
    return is_second or not {"cluster", "quick_cluster"}.isdisjoint(
        getattr(item, "fixturenames", ())
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Outside the quick profile nothing may be left out: a skip fails the run, with its reason."""
    if os.environ.get("PAYGUARD_TEST_PROFILE", "quick") == "quick":
        return
    for report in terminalreporter.getreports("skipped"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        terminalreporter.write_line(f"SKIP COUNTS AS FAILURE {report.nodeid}: {reason}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run with a skip into a failed one, outside the quick profile."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    profile = os.environ.get("PAYGUARD_TEST_PROFILE", "quick")
    passed = session.exitstatus == pytest.ExitCode.OK
    if profile != "quick" and passed and terminal and terminal.getreports("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
