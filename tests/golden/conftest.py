"""A store that a released version wrote, on either database; upgraded by the command; served."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from service.db.places import Database, Place
from service.settings import Settings, read_settings
from tests.golden.postgres import golden_database
from tests.support.postgres import Cluster
from tests.support.servers import Service
from tests.support.terminal import Terminal

HERE: Final = Path(__file__).parent
# It protects invented data only, and is in the open.
TEST_ONLY_ROOT_KEY: Final = "first_payment.test_only_root.key"
OWNER_ONLY: Final = 0o600


class Golden:
    """A released version's store over a data folder, with what that version said it holds.

    Args:
        home: The data folder.
        cluster: Where its rows are to lie; None for the SQLite file as it was released.
    """

    def __init__(self, home: Path, cluster: Cluster | None = None) -> None:
        self.home = home
        self.terminal = Terminal(home)
        self.facts: dict[str, Any] = json.loads(_unpacked("first_payment.facts.json.xz"))
        self._cluster = cluster

    @property
    def settings(self) -> Settings:
        return read_settings(self.terminal.environment)

    @property
    def database(self) -> Place:
        return self.settings.database

    def unpack(self) -> None:
        """Make the store and its root key, as the released version left them."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        _write(self.home / "root.key", (HERE / TEST_ONLY_ROOT_KEY).read_bytes())
        file = self.settings.database_file
        _write(file, _unpacked("first_payment.sqlite.xz"))
        if self._cluster is not None:
            self.terminal = Terminal(self.home, golden_database(self._cluster, file))
            file.unlink()


def _unpacked(name: str) -> bytes:
    return lzma.decompress((HERE / name).read_bytes())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=OWNER_ONLY)
    path.write_bytes(content)


def cluster_of(store_kind: str, request: pytest.FixtureRequest) -> Cluster | None:
    """Return the server of the tests' own where a store is to lie on one."""
    if store_kind == "sqlite":
        return None
    running: Cluster = request.getfixturevalue("quick_cluster")
    return running


@pytest.fixture
def golden(store_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Golden:
    """Return the store as it was released."""
    found = Golden(tmp_path / "home", cluster_of(store_kind, request))
    found.unpack()
    return found


@pytest.fixture(scope="module")
def upgraded(
    store_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Golden:
    """Return the store after `payguard upgrade`; nothing ran on it since."""
    found = Golden(tmp_path_factory.mktemp("upgraded") / "home", cluster_of(store_kind, request))
    found.unpack()
    result = found.terminal("upgrade")
    assert result.exit_code == 0, result.output
    return found


@pytest.fixture(scope="module")
def served(
    store_kind: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[tuple[Service, Golden]]:
    """Return real processes over a store that was upgraded; no timer runs."""
    folder = tmp_path_factory.mktemp("served")
    kept = Golden(folder / "kept", cluster_of(store_kind, request))
    kept.unpack()
    database = kept.database if isinstance(kept.database, Database) else None
    settings = {"ROOT_KEY_FILE": kept.home / "root.key"}
    service = Service(folder / "data", settings=settings, timers=False, database=database)
    if database is None:
        kept.settings.database_file.rename(service.settings.database_file)
    environment = {"PAYGUARD_ROOT_KEY_FILE": str(kept.home / "root.key")}
    result = Terminal(service.folder, database)("upgrade", **environment)
    assert result.exit_code == 0, result.output
    with service as running:
        yield running, kept
