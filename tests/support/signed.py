"""A store with a log of some hundred entries under several checkpoints, by real writer and worker,
and what somebody with the database's password could do to it."""

import datetime as dt
import io
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from keys.translog import leaf_hash
from service.cli import verify_log
from service.cli.writers import WriterThread, ask, house_call
from service.db.places import Database
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.rooms.merchants.contract import CreateMerchant, Merchant, SuspendMerchant
from service.settings import Settings, read_settings
from service.unit_of_work.commands import Call, Submit
from service.unit_of_work.entries import encode
from service.unit_of_work.partitions import RecordDropped
from service.worker.loop import WorkerLoop
from service.worker.main import open_worker
from tests.support.postgres import Cluster
from tests.support.terminal import Terminal

STORE: Final = "payguard.sqlite"
VERIFIER: Final = Path(verify_log.__file__)


def write_log(settings: Settings, *, rounds: int, merchants: int) -> None:
    """Let the writer make entries and the worker sign them, several times over."""
    log = logger(stream=io.BytesIO(), clock=SystemClock())
    with WriterThread(
        settings, registry=CollectorRegistry(), log=log, stopped=lambda: None
    ) as writer:
        for _ in range(rounds):
            make_entries(writer.submit, merchants)
            sign(settings, writer.submit)


def make_entries(submit: Submit, merchants: int) -> None:
    """Make two entries a merchant, one of them its own."""
    for _ in range(merchants):
        made = ask(submit, CreateMerchant(name="Lin"), call=house_call()).read(Merchant)
        call = Call(
            principal="key_1",
            tenant_id=made.tenant_id,
            merchant_id=made.merchant_id,
            mode="live",
            origin="203.0.113.7",
            request_id="req_1",
        )
        ask(submit, SuspendMerchant(), call=call)


def record_dropped(settings: Settings, *, is_signed: bool = True) -> None:
    """Let the writer write down what was dropped, and the worker sign it where that is asked."""
    log = logger(stream=io.BytesIO(), clock=SystemClock())
    with WriterThread(
        settings, registry=CollectorRegistry(), log=log, stopped=lambda: None
    ) as writer:
        ask(writer.submit, RecordDropped(), call=house_call())
        if is_signed:
            sign(settings, writer.submit)


def sign(settings: Settings, submit: Submit) -> None:
    """Let a worker that has just started sign what there is, and write it outside."""
    log = logger(stream=io.BytesIO(), clock=SystemClock())
    crew = open_worker(settings, submit=submit, registry=CollectorRegistry(), log=log)
    loops = [one for one in crew.loops if isinstance(one, WorkerLoop)]
    for _ in range(4):
        loops[-1].run_once()


class SignedLog:
    """A copy of such a store, with its checkpoints outside.

    Attributes:
        payguard: The command line over it.
    """

    def __init__(
        self, home: Path, cluster: Cluster | None = None, database: Database | None = None
    ) -> None:
        self._cluster = cluster
        self._database = database
        self.payguard = Terminal(home, database)
        self.outside = home.with_name(f"{home.name}-checkpoints")

    def copied(self, folder: Path) -> "SignedLog":
        """Return a copy of it, store and checkpoints, in another folder."""
        home = folder / "home"
        shutil.copytree(self.payguard.home, home)
        shutil.copytree(self.outside, folder / "home-checkpoints")
        if self._cluster is None or self._database is None:
            return SignedLog(home)
        self._leave()
        return SignedLog(home, self._cluster, self._cluster.copy(self._name))

    def set_back(self, older: "SignedLog") -> None:
        """Put an older database in the place of this one; what is outside stays."""
        if self._database is None:
            for file in self.payguard.home.glob(f"{STORE}*"):
                file.unlink()
            for file in older.payguard.home.glob(f"{STORE}*"):
                shutil.copy(file, self.payguard.home / file.name)
            return
        self._database = older._database
        self.payguard = Terminal(self.payguard.home, older._database)

    @property
    def settings(self) -> Settings:
        """Settings of processes over it."""
        return read_settings(self.payguard.environment)

    def sql(self, text: str, *values: Any) -> list[Any]:
        """Do what a person with the database's file or its owner's password could do.

        Args:
            text: As SQLite has it; PostgreSQL gets its own words in the place of a few.
            values: For each `?`.
        """
        if self._database is None:
            with closing(sqlite3.connect(self.payguard.home / STORE)) as connection:
                rows = connection.execute(text, values).fetchall()
                connection.commit()
            return rows
        text = re.sub(r"zeroblob\((length\(\w+\)|\d+)\)", r"decode(repeat('00', \1), 'hex')", text)
        text = re.sub(r"\bat \+ 1\b", "at + interval '1 microsecond'", text)
        assert self._cluster is not None
        with self._cluster.connect(self._name) as connection:
            done = connection.execute(text.replace("?", "%s").encode(), values)
            return done.fetchall() if done.description else []

    def instants(self, *seconds: int) -> list[object]:
        """Return instants as the store keeps them, from seconds since 1970."""
        if self._database is None:
            return [second * 1_000_000 for second in seconds]
        return [dt.datetime.fromtimestamp(second, dt.UTC) for second in seconds]

    @property
    def _name(self) -> str:
        assert self._database is not None
        return str(sa.make_url(self._database.owner).database)

    def _leave(self) -> None:
        """End what commands of this process left open, so that the database can be copied."""
        assert self._cluster is not None
        gone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        with self._cluster.connect() as connection:
            connection.execute(gone, [self._name])

    @property
    def sizes(self) -> list[int]:
        """Sizes of its checkpoints."""
        return [one for (one,) in self.sql("SELECT size FROM log_checkpoints ORDER BY size")]

    def body(self, position: int) -> dict[str, Any]:
        [(body,)] = self.sql("SELECT body FROM entries WHERE position = ?", position)
        found: dict[str, Any] = json.loads(body)
        return found

    def change_body(
        self, position: int, change: Callable[[dict[str, Any]], None], *, with_leaf: bool
    ) -> None:
        """Change an entry's bytes, and its leaf with them if asked."""
        body = self.body(position)
        change(body)
        data = encode(body)
        if with_leaf:
            values = (data, leaf_hash(data), position)
            self.sql("UPDATE entries SET body = ?, leaf = ? WHERE position = ?", *values)
        else:
            self.sql("UPDATE entries SET body = ? WHERE position = ?", data, position)

    def verify(self, *arguments: object) -> dict[str, Any]:
        """Return what `payguard audit verify` finds; its exit status must say the same."""
        result = self.payguard("audit", "verify", "--json", *arguments)
        found: dict[str, Any] = json.loads(result.stdout)
        assert result.exit_code == (0 if found["verified"] else 1), result.output
        return found

    def stranger(self, kept: Path | None = None) -> dict[str, Any]:
        """Return what the stand-alone verifier finds in an export, in a process of its own.

        Args:
            kept: The checkpoint that the stranger has kept; None for the latest outside.
        """
        key = (self.outside / "log-0.key").read_text().strip()
        export = self.payguard.home.parent / "export.jsonl"
        export.unlink(missing_ok=True)
        result = self.payguard("audit", "export", export)
        assert result.exit_code == 0, result.output
        known = str(kept or self.outside / "log-0.checkpoint")
        done = subprocess.run(
            [
                *(sys.executable, "-I", str(VERIFIER), str(export)),
                *("--key", key, "--known", known, "--json"),
            ],
            capture_output=True,
            check=False,
            text=True,
        )
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if found["verified"] else 1), done.stderr
        return found
