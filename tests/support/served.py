"""`payguard serve` as a whole, supervisor and all, as a client of the tests sees it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, Final, Self

from service.db.places import Database
from service.settings import PREFIX
from tests.support.clients import Client
from tests.support.servers import Shop
from tests.support.terminal import PAYGUARD
from tests.support.writer import until

READY_POLLS: Final = 6_000
STOP_S: Final = 60


class Served:
    """A service under its own supervisor; what ends is started again by it and by nobody else."""

    def __init__(
        self, folder: Path, *, database: Database | None = None, **settings: object
    ) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        urls = {} if database is None else {
            "DATABASE_URL": database.writer,
            "READER_URL": database.reader,
            "OWNER_URL": database.owner,
        }  # fmt: skip
        chosen = {
            "DATA_DIR": folder / "data",
            "PORT": 0,
            "RATE_PER_MINUTE": 10_000_000,
            **urls,
            **settings,
        }
        ours = {f"{PREFIX}{name}": str(value) for name, value in chosen.items()}
        rest = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        self._environment = {**rest, **ours}

    def __enter__(self) -> Self:
        said = self.folder / "said"
        with said.open("wb") as out, (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [PAYGUARD, "serve", "--json"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )
        until(lambda: said.read_text().endswith("}\n") or self._has_ended(), tries=READY_POLLS)
        assert not self._has_ended(), self.log()
        self.port = int(json.loads(said.read_text())["url"].rpartition(":")[2])
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self.status = self._process.wait(STOP_S)

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def shop(self) -> Shop:
        """Create a merchant with a key, by the command line."""
        made = self._run("merchant", "create", "--name", "Shop")
        merchant_id = made["merchant_id"]
        key = self._run("key", "create", "--merchant", merchant_id, "--mode", "live")["text"]
        return Shop(merchant_id=merchant_id, tenant_id=made["tenant_id"], keys={"live": key})

    def client(self, shop: Shop) -> Client:
        return Client(self.port, shop.keys["live"])

    def _has_ended(self) -> bool:
        return self._process.poll() is not None

    def _run(self, *words: str) -> dict[str, Any]:
        done = subprocess.run(
            [PAYGUARD, *words, "--json"], env=self._environment, check=True, capture_output=True
        )
        made: dict[str, Any] = json.loads(done.stdout)
        return made
