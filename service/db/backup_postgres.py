"""PostgreSQL's part of a backup: pg_dump of one snapshot, and its way into place in one commit.

It works in the owner's role. The dump holds no role and no right: those are set anew where it is
restored, by whoever migrates.
"""

import contextlib
import datetime as dt
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from typing_extensions import override

from service.db.backup import (
    FILE_MODE,
    BackupRefused,
    Keeper,
    Kind,
    LogHead,
    Manifest,
    Progress,
    Staged,
    StoreFacts,
    check_facts,
)
from service.db.places import Database
from service.db.postgres import Connection, cause, connect
from service.db.store import StoreUnavailable

DUMP: Final = "payguard.dump"
# The tables' schema, and the one where the logs' ranges lie.
SCHEMAS: Final = ("public", "payguard_partitions")
LOCK_WAIT_MS: Final = 5_000
# A dump of a large store takes its time, and its snapshot waits.
_UNBOUNDED: Final = (
    "statement_timeout=0",
    "idle_in_transaction_session_timeout=0",
    "search_path=public",
)
_REVISIONS: Final = "alembic_version"
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_NAMES: Final = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    ORDER BY relname COLLATE "C"
"""
_SCHEMAS: Final = """
    SELECT n.nspname FROM pg_namespace AS n
    WHERE n.nspname = ANY (%s) AND EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid)
    ORDER BY n.nspname DESC
"""
_WRITER: Final = 'SELECT sum(sequence)::bigint, max(epoch), max("now") FROM writer'
_LOGS: Final = """
    SELECT e.log, h.size, encode(e.leaf, 'hex')
    FROM entries AS e JOIN (
        SELECT log, count(*) AS size, max("position") AS last FROM entries GROUP BY log
    ) AS h ON e.log = h.log AND e."position" = h.last
    ORDER BY e.log COLLATE "C"
"""
_NOT_VALID: Final = """
    SELECT 'the constraint ' || conname || ' was never checked' FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND NOT convalidated
    UNION ALL
    SELECT 'the index ' || c.relname || ' is not valid'
    FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid
    WHERE c.relnamespace = 'public'::regnamespace AND NOT indisvalid
    LIMIT 5
"""
# What belongs to the roles of where it was dumped, and the schema that is made beforehand.
_LEFT_OUT: Final = re.compile(
    r"^\d+; \d+ \d+ (POLICY|ROW SECURITY|ACL|DEFAULT ACL|SCHEMA - public|COMMENT - SCHEMA public) "
)
# An error's first line; the lines after it may hold values of rows.
_ERROR: Final = re.compile(r"(?:error|ERROR|FATAL): +(.*)")


class PostgresKeeper(Keeper):
    """A PostgreSQL database as backup, restore and upgrade see it."""

    kind: Kind = "postgres"

    def __init__(self, place: Database) -> None:
        self._place = place
        self._url = place.required("owner")

    @override
    def engine(self) -> str:
        with self._snapshot() as connection:
            [version] = _one(connection, "SHOW server_version")
        return f"PostgreSQL {version}"

    @override
    def exists(self) -> bool:
        return True

    @override
    def facts(self) -> StoreFacts | None:
        with self._snapshot() as connection:
            return _facts(connection)

    @override
    def complaints(self) -> list[str]:
        with self._snapshot() as connection:
            return [text for (text,) in connection.execute(_NOT_VALID)]

    @override
    def copy(self, folder: Path, progress: Progress) -> tuple[Path, StoreFacts | None]:
        target = folder / DUMP
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE))
        with self._snapshot() as connection:
            found = _facts(connection)
            [name] = _one(connection, "SELECT pg_export_snapshot()")
            _run(
                "pg_dump",
                *("--format=custom", f"--file={target}", f"--snapshot={name}"),
                *("--no-owner", "--no-privileges", "--enable-row-security"),
                *(f"--schema={schema}" for schema in SCHEMAS),
                f"--lock-wait-timeout={LOCK_WAIT_MS}",
                *("--no-password", f"--dbname={_without_password(self._url)}"),
                environment=_environment(self._url),
            )
        size = target.stat().st_size
        progress("dumped", size, size)
        return target, found

    @override
    @contextlib.contextmanager
    def staged(self, folder: Path, manifest: Manifest, progress: Progress) -> Iterator[Staged]:
        dump = folder / DUMP
        listed = _run("pg_restore", "--list", str(dump), environment=_environment(self._url))
        kept = [line for line in listed.splitlines(keepends=True) if not _LEFT_OUT.match(line)]
        with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
            wanted.writelines(kept)
            wanted.flush()
            yield PostgresStaged(self, folder, manifest, Path(wanted.name))
        size = dump.stat().st_size
        progress("restored", size, size)

    def in_use(self) -> tuple[str, ...]:
        """Return those of our schemas that have anything in them."""
        with self._snapshot() as connection:
            return tuple(name for (name,) in connection.execute(_SCHEMAS, (list(SCHEMAS),)))

    @property
    def place(self) -> Database:
        """Where the store is."""
        return self._place

    @property
    def url(self) -> str:
        """The owner's address."""
        return self._url

    @contextlib.contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        """Yield a transaction that reads one instant."""
        connection = connect(self._url, purpose="backup", options=_UNBOUNDED)
        with contextlib.closing(connection):
            try:
                connection.execute(_SNAPSHOT)
                yield connection
            except psycopg.Error as error:
                raise StoreUnavailable(f"the database cannot be read: {cause(error)}") from error


class PostgresStaged(Staged):
    """A dump, with the list of what of it is restored."""

    def __init__(
        self, keeper: PostgresKeeper, folder: Path, manifest: Manifest, wanted: Path
    ) -> None:
        self._keeper = keeper
        self._folder = folder
        self._manifest = manifest
        self._wanted = wanted

    @override
    def put_in_place(self, *, is_kept: bool, now: dt.datetime) -> str | None:
        # The old store moves aside, the new one comes and is counted, all in one transaction: a
        # kill at any moment leaves the one or the other. Nothing is ever dropped here.
        aside = f"payguard_replaced_{now:%Y%m%d%H%M%S%f}"
        in_use = self._keeper.in_use()
        before = "BEGIN;\nSET lock_timeout = '5s';\n" + _moved_aside(
            in_use, aside, self._keeper.place
        )
        after = _counted(self._manifest.store) + "COMMIT;\n"
        self._restore(before, after)
        check_facts(self._folder, self._manifest, self._keeper.facts())
        return f"the schema {aside}" if in_use and is_kept else None

    def _restore(self, before: str, after: str) -> None:
        url = self._keeper.url
        environment = _environment(url)
        reading = [
            *(_program("pg_restore"), "--no-owner", "--no-privileges", "--enable-row-security"),
            *(f"--use-list={self._wanted}", "--file=-", str(self._folder / DUMP)),
        ]
        writing = [
            *(_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
            *("--no-password", f"--dbname={_without_password(url)}"),
        ]
        with (
            tempfile.TemporaryFile() as read_said,
            tempfile.TemporaryFile() as write_said,
            subprocess.Popen(  # noqa: S603  PostgreSQL's own program, no shell
                reading, stdout=subprocess.PIPE, stderr=read_said, env=environment
            ) as reader,
            subprocess.Popen(  # noqa: S603  as above
                writing,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=write_said,
                env=environment,
            ) as writer,
        ):
            assert reader.stdout is not None
            assert writer.stdin is not None
            # psql may end early, at the first statement that fails; it says why.
            with contextlib.suppress(BrokenPipeError), writer.stdin as script:
                script.write(before.encode())
                shutil.copyfileobj(reader.stdout, script)
                if reader.wait() == 0:
                    # Only whoever has read the whole dump commits.
                    script.write(after.encode())
            if writer.wait() != 0:
                reader.kill()
                raise _failed("psql", write_said)
            if reader.wait() != 0:
                raise _failed("pg_restore", read_said)


def _facts(connection: Connection) -> StoreFacts | None:
    names = [name for (name,) in connection.execute(_NAMES) if name != _REVISIONS]
    if not names:
        return None
    count = sql.SQL("SELECT count(*) FROM public.{}")
    tables = {name: int(_one(connection, count.format(sql.Identifier(name)))[0]) for name in names}
    if "writer" not in tables:
        # Somebody else's tables: nothing that could be told apart, and nothing to lose.
        return StoreFacts(revision="", sequence=0, epoch=0, at=None, logs=(), tables=tables)
    [revision] = _one(connection, "SELECT version_num FROM alembic_version")
    sequence, epoch, at = _one(connection, _WRITER)
    return StoreFacts(
        revision=revision,
        sequence=sequence or 0,
        epoch=epoch or 0,
        at=at,
        logs=tuple(
            LogHead(log=log, size=size, leaf=leaf) for log, size, leaf in connection.execute(_LOGS)
        ),
        tables=tables,
    )


def _one(connection: Connection, text: Any) -> tuple[Any, ...]:
    row = connection.execute(text).fetchone()
    assert row is not None
    return row


def _moved_aside(in_use: tuple[str, ...], aside: str, place: Database) -> str:
    """Return the statements that give a new store its empty place."""
    text = ""
    for role in (conninfo_to_dict(url).get("user") for url in (place.writer, place.reader) if url):
        if role and SCHEMAS[0] in in_use:
            revoke = sql.SQL("REVOKE ALL ON SCHEMA {} FROM {};\n")
            names = sql.Identifier(SCHEMAS[0]), sql.Identifier(str(role))
            text += revoke.format(*names).as_string()
    for schema in in_use:
        to = aside if schema == SCHEMAS[0] else f"{aside}_partitions"
        rename = sql.SQL("ALTER SCHEMA {} RENAME TO {};\n")
        text += rename.format(sql.Identifier(schema), sql.Identifier(to)).as_string()
    if SCHEMAS[0] in in_use:
        text += f"CREATE SCHEMA {SCHEMAS[0]};\n"
    return text


def _counted(store: StoreFacts) -> str:
    """Return the statements that fail unless what was restored is what the manifest says."""
    lines = ["RESET search_path;", "SET search_path = public;"]
    wanted: list[tuple[str, sql.Composable, sql.Composable]] = [
        (
            f"rows of {name}",
            sql.SQL("SELECT count(*) FROM public.{}").format(sql.Identifier(name)),
            sql.Literal(rows),
        )
        for name, rows in store.tables.items()
    ]
    wanted.append(
        (
            "sequence",
            sql.SQL("SELECT coalesce(sum(sequence), 0)::bigint FROM writer"),
            sql.Literal(store.sequence),
        )
    )
    check = sql.SQL("DO {};\n")
    for what, found, value in wanted:
        body = sql.SQL("BEGIN IF ({}) IS DISTINCT FROM {} THEN RAISE EXCEPTION {}; END IF; END")
        message = sql.Literal(f"the backup is not what it says: {what}".replace("%", "%%"))
        text = body.format(found, value, message).as_string()
        lines.append(check.format(sql.Literal(text)).as_string())
    # A dump holds no statistics, and until the server takes some by itself any index that begins
    # with the tenant looks as good to it as the one that finds the row.
    analyze = sql.SQL("ANALYZE public.{};")
    lines += [analyze.format(sql.Identifier(name)).as_string() for name in store.tables]
    # Functions that run with the owner's power are everybody's until someone says otherwise.
    lines.append("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;")
    return "\n".join(lines) + "\n"


def _run(program: str, *arguments: str, environment: dict[str, str]) -> str:
    """Run one of PostgreSQL's own programs and return what it printed.

    Raises:
        BackupRefused: It is not installed, or it failed.
    """
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(  # noqa: S603  PostgreSQL's own program, no shell
            [_program(program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
            check=False,
        )
        if done.returncode != 0:
            raise _failed(program, said)
    return done.stdout.decode()


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupRefused(
            "client_programs_missing",
            f"{name} is not installed here",
            then="install PostgreSQL's client programs, of the server's version or a newer one"
            " (Debian: `apt-get install postgresql-client`)",
        )
    return found


def _failed(program: str, said: IO[bytes]) -> BackupRefused:
    said.seek(0)
    found = _ERROR.search(said.read().decode(errors="replace"))
    return BackupRefused(
        "backup_failed",
        f"{program} failed: {found[1] if found else 'it said nothing'}",
        then="nothing was changed; see to what it says, then do this again",
    )


def _without_password(url: str) -> str:
    """Return an address for a command line, which every user of the machine can read."""
    given = conninfo_to_dict(url)
    return make_conninfo("", **{name: value for name, value in given.items() if name != "password"})


def _environment(url: str) -> dict[str, str]:
    """Return the environment of PostgreSQL's programs: ours, and the password if there is one."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PAYGUARD_")}
    password = conninfo_to_dict(url).get("password")
    return {**ours, "PGPASSWORD": str(password)} if password else ours
