"""PostgreSQL of the tests' own: a cluster made by initdb, and a fresh database for each test."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pytest
from psycopg import sql

from service.db import migrate
from service.db.places import Database

OWNER, WRITER, READER = "payguard_owner", "payguard_writer", "payguard_reader"
SUPERUSER: Final = "postgres"
BASE: Final = "payguard_base"
MIGRATED: Final = "payguard_migrated"
START_S: Final = 60
STANDBY: Final = "standby"
RELOAD_TRIES: Final = 1_000
_DEBIAN: Final = Path("/usr/lib/postgresql")


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, or skip by their name."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda one: int(one.parts[-3]))
    if found:
        return found[-1].parent
    place = shutil.which("initdb")
    if place is None:
        pytest.skip("PostgreSQL: initdb not found")
    return Path(place).resolve().parent


class Cluster:
    """One PostgreSQL server on a folder of its own, which only this machine reaches.

    Everybody is trusted. As root it runs as the user postgres, since the server refuses root.

    Args:
        fsync: Whether what is committed is waited for; without it nothing survives a power cut.
        data: An empty folder for its data; None for one in its own folder.
        wal: An empty folder for its write-ahead log, in small segments; None for one in its own.
        options: Settings of the server beside ours, by name.
    """

    def __init__(
        self,
        *,
        fsync: bool = True,
        data: Path | None = None,
        wal: Path | None = None,
        **options: object,
    ) -> None:
        self._programs = programs()
        self._user = pwd.getpwnam(SUPERUSER) if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix="payguard-postgres-"))
        self.data = data or self.folder / "data"
        segments = () if wal is None else ("--wal-segsize", "1")
        self.port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()
        if self._user is not None:
            for folder in (self.folder, data, wal):
                if folder is not None:
                    os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        self._run(
            "initdb",
            *("--pgdata", str(self.data), "--username", SUPERUSER, "--auth", "trust"),
            *("--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions"),
            *("--waldir", str(wal or self.folder / "wal"), *segments),
        )
        chosen = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "on" if fsync else "off",
            "max_connections": 200,
            "shared_buffers": "64MB",
            "log_min_messages": "warning",
            **options,
        }
        lines = [f"{name} = '{value}'\n" for name, value in chosen.items()]
        with (self.data / "postgresql.conf").open("a") as file:
            file.writelines(lines)

    def __enter__(self) -> Self:
        try:
            self.start()
            with self.connect() as one:
                for role in (OWNER, WRITER, READER):
                    one.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def own(self) -> None:
        """Give the data folder to the server's user, as the server wants it."""
        self.data.chmod(0o700)
        if self._user is not None:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)

    @property
    def pid(self) -> int:
        """Process of the postmaster."""
        assert self._server is not None
        return self._server.pid

    @property
    def has_ended(self) -> bool:
        """Whether the server has ended by itself."""
        return self._server is not None and self._server.poll() is not None

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        with (self.folder / "server.log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._as_user(),
            )
        self._run(
            "pg_isready", "--host", str(self.folder), "--port", str(self.port), tries=START_S * 20
        )

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server: rolling back what is open, or at once, as when its machine dies."""
        assert self._server is not None
        self._server.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        self._server.wait(START_S)
        self._server = None

    def restart(self, *, immediate: bool = False) -> None:
        """Stop the server and start it again."""
        self.stop(immediate=immediate)
        self.start()

    @contextlib.contextmanager
    def bound_to_standby(self) -> Iterator[None]:
        """Let every commit wait for the standby, as long as this is entered."""
        self._wait_for_standby(STANDBY)
        try:
            yield
        finally:
            self._wait_for_standby("")

    @contextlib.contextmanager
    def standby(self) -> Iterator[None]:
        """Run who is waited for: it keeps the log on its disk, and says so, as a standby does."""
        folder = self.folder / "standby"
        folder.mkdir()
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        place = f"{self.url(SUPERUSER, 'postgres')}&application_name={STANDBY}"
        command = [self._programs / "pg_receivewal", "--synchronous", "--no-loop"]
        with subprocess.Popen(
            [*command, "--directory", folder, "--dbname", place],
            stdin=subprocess.DEVNULL,
            **self._as_user(),
        ) as running:
            try:
                yield
            finally:
                running.send_signal(signal.SIGINT)

    def waiting_for_standby(self) -> list[int]:
        """Return the sessions whose commit waits for a standby."""
        with self.connect() as one:
            found = one.execute("SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            return [pid for (pid,) in found]

    def cancel(self, session: int) -> None:
        """Cancel what a session does, as an administrator may."""
        with self.connect() as one:
            one.execute("SELECT pg_cancel_backend(%s)", [session])

    def _wait_for_standby(self, name: str) -> None:
        with self.connect() as one:
            setting = "ALTER SYSTEM SET synchronous_standby_names = {}"
            one.execute(sql.SQL(setting).format(sql.Literal(name)))
            one.execute("SELECT pg_reload_conf()")
        for _ in range(RELOAD_TRIES):
            with self.connect() as fresh:
                if fresh.execute("SHOW synchronous_standby_names").fetchone() == (name,):
                    # The process that makes checkpoints is who tells commits that there is
                    # somebody to wait for; it has read its settings by the time it answers.
                    fresh.execute("CHECKPOINT")
                    return
        raise AssertionError("the server has not read its settings again")

    def url(self, role: str, database: str) -> str:
        """Return a database's address in a role, by the Unix socket."""
        return f"postgresql://{role}@/{database}?host={self.folder}&port={self.port}"

    def log(self) -> str:
        """Return what the server has said."""
        return (self.folder / "server.log").read_text(errors="replace")

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Return a connection as the superuser, on which every statement stands alone."""
        return psycopg.connect(self.url(SUPERUSER, database), autocommit=True)

    def database(self, *, migrated: bool = False) -> Database:
        """Make a fresh database that the owner role owns.

        Args:
            migrated: Whether the tables are there, as migrations make them.
        """
        self._make_base()
        if migrated and MIGRATED not in self._templates:
            migrate.upgrade(self._create(MIGRATED, template=BASE))
            self._templates.add(MIGRATED)
        return self.copy(MIGRATED if migrated else BASE)

    def template(self, name: str, fill: Callable[[Database], None]) -> str:
        """Return the name of a database to copy, made by `fill` when it is first asked for."""
        self._make_base()
        if name not in self._templates:
            fill(self._create(name, template=BASE))
            self._templates.add(name)
        return name

    def copy(self, template: str) -> Database:
        """Return a fresh copy of a database that nobody uses."""
        return self._create(f"test_{next(self._numbers)}", template=template)

    def _make_base(self) -> None:
        if BASE in self._templates:
            return
        self._create(BASE, template="template1")
        with self.connect(BASE) as one:
            grant = "ALTER DEFAULT PRIVILEGES FOR ROLE {} GRANT {} ON TABLES TO {}"
            for what, role in (("SELECT, INSERT, UPDATE, DELETE", WRITER), ("SELECT", READER)):
                names = sql.Identifier(OWNER), sql.SQL(what), sql.Identifier(role)
                one.execute(sql.SQL(grant).format(*names))
        self._templates.add(BASE)

    def _create(self, name: str, *, template: str) -> Database:
        text = "CREATE DATABASE {} TEMPLATE {} OWNER {}"
        with self.connect() as one:
            names = (sql.Identifier(part) for part in (name, template, OWNER))
            one.execute(sql.SQL(text).format(*names))
        return Database(
            writer=self.url(WRITER, name),
            reader=self.url(READER, name),
            owner=self.url(OWNER, name),
        )

    def _run(self, program: str, *arguments: str, tries: int = 1) -> None:
        for left in reversed(range(tries)):
            done = subprocess.run(
                [self._programs / program, *arguments],
                capture_output=True,
                timeout=START_S,
                check=False,
                **self._as_user(),
            )
            if done.returncode == 0:
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                if left and self._server is not None:
                    self._server.wait(0.05)
        raise AssertionError(f"{program}: {done.stdout.decode()}{done.stderr.decode()}")

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {
            "user": self._user.pw_uid,
            "group": self._user.pw_gid,
            "extra_groups": [],
            "cwd": self.folder,
        }

    def _remove(self) -> None:
        if self._server is not None:
            self.stop(immediate=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A server that waits for the disk, as the product's must."""
    with Cluster() as running:
        yield running


@pytest.fixture(scope="session")
def quick_cluster() -> Iterator[Cluster]:
    """A server that does not wait for the disk, where durability is not the matter."""
    with Cluster(fsync=False, synchronous_commit="on", full_page_writes="off") as running:
        yield running
