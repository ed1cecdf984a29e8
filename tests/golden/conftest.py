"""A store that a released version wrote, unpacked; upgraded by the command; served."""

import json
import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from service.settings import Settings, read_settings
from tests.support.servers import Service
from tests.support.terminal import Terminal

HERE: Final = Path(__file__).parent
# It protects invented data only, and is in the open.
TEST_ONLY_ROOT_KEY: Final = "first_payment.test_only_root.key"
OWNER_ONLY: Final = 0o600


class Golden:
    """A released version's store in a data folder, with what that version said it holds."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.terminal = Terminal(home)
        self.facts: dict[str, Any] = json.loads(_unpacked("first_payment.facts.json.xz"))

    @property
    def settings(self) -> Settings:
        return read_settings({"PAYGUARD_DATA_DIR": str(self.home)})

    @property
    def database(self) -> Path:
        return self.settings.database_file

    def unpack(self) -> None:
        """Write the store and its root key, as the released version left them."""
        self.home.mkdir(mode=0o700, exist_ok=True)
        _write(self.database, _unpacked("first_payment.sqlite.xz"))
        _write(self.home / "root.key", (HERE / TEST_ONLY_ROOT_KEY).read_bytes())


def _unpacked(name: str) -> bytes:
    return lzma.decompress((HERE / name).read_bytes())


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=OWNER_ONLY)
    path.write_bytes(content)


@pytest.fixture
def golden(tmp_path: Path) -> Golden:
    """Return the store as it was released."""
    found = Golden(tmp_path / "home")
    found.unpack()
    return found


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Golden:
    """Return the store after `payguard upgrade`; nothing ran on it since."""
    found = Golden(tmp_path_factory.mktemp("upgraded") / "home")
    found.unpack()
    result = found.terminal("upgrade")
    assert result.exit_code == 0, result.output
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Golden]]:
    """Return real processes over a store that was upgraded; no timer runs."""
    folder = tmp_path_factory.mktemp("served")
    kept = Golden(folder / "kept")
    kept.unpack()
    settings = {"ROOT_KEY_FILE": kept.home / "root.key"}
    service = Service(folder / "data", settings=settings, timers=False)
    kept.database.rename(service.settings.database_file)
    environment = {"PAYGUARD_ROOT_KEY_FILE": str(kept.home / "root.key")}
    result = Terminal(service.folder)("upgrade", **environment)
    assert result.exit_code == 0, result.output
    with service as running:
        yield running, kept
