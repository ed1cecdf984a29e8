"""What `payguard doctor` looks at, one function a check. Changes nothing that is stored."""

import contextlib
import http.client
import importlib.metadata
import os
import platform
import re
import shutil
import sqlite3
import stat
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from keys.roots.file import RootRefused, load
from service.carriers.client import SocketCarrier
from service.cli.checks_log import log_standing
from service.cli.checks_strategy import scorer_standing, strategy_standing
from service.cli.database import last_commit, standing
from service.cli.environment import current_settings, reachable
from service.cli.mounts import IN_MEMORY, OVER_NETWORK, Mount, mount_of
from service.cli.screen import Failure
from service.db.places import Database
from service.db.sqlite import SYNCHRONOUS, connect
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.settings import Settings
from service.writer.lock import WriterRuns, writer_lock

PYTHON_LEAST: Final = (3, 11)
FREE_LEAST: Final = 100 << 20
FREE_ENOUGH: Final = 1 << 30
LOG_LARGE: Final = 256 << 20
CLOCK_BACK_S: Final = 2.0
PROBE_TIMEOUT_S: Final = 2.0
_OTHERS: Final = 0o077
_PIN: Final = re.compile(r"([A-Za-z0-9_.-]+)==([^;\s]+)")
# xgboost has two distributions, of which one is enough.
_EITHER: Final = {"xgboost": "xgboost-cpu"}

State = Literal["ok", "warn", "fail"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found.

    Attributes:
        name: What was looked at.
        state: Whether it is as it should be.
        what: What is so.
        then: What to do; empty where there is nothing to do.
    """

    name: str
    state: State
    what: str
    then: str = ""


def run_checks() -> tuple[Check, ...]:
    """Return what every check found; those that need settings only where there are some."""
    found = [_python(), _libraries()]
    try:
        settings = current_settings()
    except Failure as failure:
        return (*found, _failed("settings", failure.what, failure.then))
    found.append(_ok("settings", "every PAYGUARD_ variable is known and in its range"))
    return (*found, *(_done(check, settings) for check in CHECKS))


def _done(check: Callable[[Settings], Check], settings: Settings) -> Check:
    """Return what a check found; one that may not look is a failed one, and the others go on."""
    # Named as the function is.
    name = check.__name__.strip("_").replace("_", " ")
    try:
        return check(settings)
    except Failure as failure:
        return _failed(name, failure.what, "see what failed above")
    except OSError as error:
        return _failed(
            name,
            f"{error.filename} cannot be looked at: {error.strerror}",
            "run as the owner of the data folder, or give the folder to this user",
        )


def _ok(name: str, what: str) -> Check:
    return Check(name=name, state="ok", what=what)


def _warned(name: str, what: str, then: str) -> Check:
    return Check(name=name, state="warn", what=what, then=then)


def _failed(name: str, what: str, then: str) -> Check:
    return Check(name=name, state="fail", what=what, then=then)


def _python() -> Check:
    version = platform.python_version()
    if sys.version_info < PYTHON_LEAST:
        return _failed("python", version, "use Python 3.11 or newer")
    return _ok("python", f"{version}, SQLite {sqlite3.sqlite_version}")


def _libraries() -> Check:
    """Compare what is installed with the versions that were tested together."""
    wanted = [
        (name, version)
        for line in importlib.metadata.requires("payguard") or []
        if (found := _PIN.match(line)) and "extra ==" not in line
        for name, version in [found.groups()]
    ]
    other = [
        f"{name} {installed or 'missing'} (tested: {version})"
        for name, version in wanted
        if (installed := _installed(name)) != version
    ]
    if other:
        return _warned("libraries", ", ".join(other), "install the pinned versions: `uv sync`")
    return _ok("libraries", f"{len(wanted)} at the versions they were tested with")


def _installed(name: str) -> str | None:
    for one in (name, _EITHER.get(name, name)):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(one)
    return None


def _data_folder(settings: Settings) -> Check:
    folder = settings.data_dir
    try:
        status = folder.stat()
    except FileNotFoundError:
        return _warned("data folder", f"{folder} is not there yet", "`payguard serve` makes it")
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return _failed(
            "data folder", f"this user may not write in {folder}", f"`chown` {folder} to this user"
        )
    if status.st_mode & _OTHERS:
        mode = stat.filemode(status.st_mode)
        return _failed(
            "data folder", f"others may look into {folder} ({mode})", f"chmod 700 {folder}"
        )
    return _ok("data folder", f"{folder}, for its owner only")


def _root_key(settings: Settings) -> Check:
    path = settings.root_file
    if not path.exists() and last_commit(settings) is None:
        return _ok("root key", f"{path} is made at the first start")
    try:
        load(path)
    except RootRefused as error:
        return _failed("root key", str(error), "docs/operations.md has more under Root key")
    return _ok("root key", f"{path}, for its owner only; keep a copy apart from the database's")


def _database(settings: Settings) -> Check:
    path = settings.database
    if isinstance(path, Database):
        return _looked(path, "database", "roles")
    if not path.exists():
        return _warned("database", f"{path} is not there yet", "`payguard serve` makes it")
    mode = path.stat().st_mode
    if mode & _OTHERS:
        return _failed(
            "database", f"others may read {path} ({stat.filemode(mode)})", f"chmod 600 {path}"
        )
    log = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size
    waiting = log.stat().st_size if log.exists() else 0
    what = f"{path}, {_mib(size)}, {_mib(waiting)} in its log"
    if waiting > LOG_LARGE:
        return _warned("database", what, "a long read holds up checkpoints: end it")
    return _ok("database", what)


def _durability(settings: Settings) -> Check:
    """Say what an acknowledged payment survives."""
    place = settings.database
    if isinstance(place, Database):
        return _looked(place, "durability", "durability")
    return _file_durability(place)


def _file_durability(path: Path) -> Check:
    """Say what a commit of the writer's is worth: its own setting, on the disk that is there.

    The setting is each connection's own and is written nowhere: every writer opens its one by
    `service.db.sqlite.connect`, which demands FULL. What the file itself holds is its journal.
    """
    mount = mount_of(path)
    if mount.kind in OVER_NETWORK:
        return _failed(
            "durability",
            f"{path} lies on {mount.kind}",
            "use a local disk: WAL does not work over nets",
        )
    if not path.exists():
        return _ok("durability", f"SQLite, WAL, synchronous={SYNCHRONOUS} once it is there")
    try:
        with contextlib.closing(connect(path, readonly=True)) as connection:
            journal = connection.execute("PRAGMA journal_mode").fetchone()[0]
    except (StoreUnavailable, sqlite3.Error) as error:
        return _failed("durability", f"{path} cannot be read: {error}", "restore it from a backup")
    if journal != "wal":
        what = f"journal_mode={journal}"
        return _failed("durability", what, "let `payguard migrate` make the database")
    return _lasting(path, mount)


def _lasting(path: Path, mount: Mount) -> Check:
    """Say what a disk makes of the writer's fsync."""
    if mount.idle_fsync:
        return _failed(
            "durability",
            f"{path} lies on {mount.kind} mounted with {mount.idle_fsync}: no fsync holds",
            "mount it without that option: a power cut loses payments",
        )
    if mount.kind in IN_MEMORY:
        return _warned(
            "durability",
            f"{path} lies on {mount.kind}: gone with the power",
            "use a disk, but for tests",
        )
    return _ok(
        "durability",
        f"SQLite, WAL, the writer's synchronous={SYNCHRONOUS},"
        f" on {mount.kind or 'a file system of unknown kind'}: what was acknowledged survives a"
        " crash and a power cut; it is lost with this disk",
    )


def _looked(place: Database, name: str, look: str) -> Check:
    try:
        from service.cli import checks_postgres
    except ImportError:
        return _failed(name, "the PostgreSQL driver is missing", "install payguard[postgres]")
    found = getattr(checks_postgres, look)(place)
    return Check(name=name, state=found.state, what=found.what, then=found.then)


def _migrations(settings: Settings) -> Check:
    try:
        found = standing(settings.database)
    except Failure as failure:
        return _failed("migrations", failure.what, "restore the database from a backup")
    if found.is_newer:
        return _failed("migrations", f"at {found.current}: of a newer version", "run that version")
    if found.is_fresh:
        return _ok("migrations", "no database yet")
    if found.pending:
        return _failed("migrations", f"pending: {', '.join(found.pending)}", "`payguard upgrade`")
    return _ok("migrations", f"up to date at {found.current}")


def _writer(settings: Settings) -> Check:
    """Say who writes. The lock is tried only where nobody answers, so no start is disturbed."""
    if SocketCarrier(settings.socket_file, clock=SystemClock()).reaches():
        held = isinstance(settings.database, Database)
        by = "a session of its own" if held else _holder(settings.lock_file)
        return _ok("writer", f"answers; the lock is held by {by}")
    if isinstance(settings.database, Path) and not settings.lock_file.exists():
        return _warned("writer", "does not run, and never did here", "`payguard serve` starts it")
    try:
        with writer_lock(settings):
            pass
    except StoreUnavailable as error:
        return _failed("writer", f"its lock cannot be looked at: {error}", "see what it says")
    except WriterRuns as error:
        return _failed(
            "writer",
            f"does not answer here, though {error}",
            "it starts, or is stopped (SIGCONT wakes it), or hangs: then end that process",
        )
    return _warned("writer", "does not run", "`payguard serve` starts it")


def _front_end(settings: Settings) -> Check:
    host = reachable(settings.host)
    connection = http.client.HTTPConnection(host, settings.port, timeout=PROBE_TIMEOUT_S)
    at = f"{host} port {settings.port}"
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/readyz")
            answer = connection.getresponse()
            said = answer.read(1_024).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return _warned("front end", f"nobody answers at {at}", "`payguard serve` starts it")
    if answer.status == http.HTTPStatus.OK:
        return _ok("front end", f"ready at {at}")
    return _failed("front end", f"not ready at {at}: {said}", "see what it names as failed above")


def _clock(settings: Settings) -> Check:
    """Compare the system's clock with the last commit's time."""
    now = SystemClock().now()
    last = last_commit(settings)
    if last is None:
        return _ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC; no commit to compare with")
    behind_s = (last - now).total_seconds()
    if behind_s > CLOCK_BACK_S:
        return _failed(
            "clock",
            f"the system's clock is {behind_s:,.0f} s behind the last commit",
            "set it right (NTP); until then the writer's own clock goes on from there",
        )
    return _ok("clock", f"{now:%Y-%m-%d %H:%M:%S} UTC, not behind the last commit")


def _disk_space(settings: Settings) -> Check:
    folder = settings.data_dir
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < FREE_LEAST:
        return _failed("disk space", f"{_mib(free)} left", "make room: commits will fail soon")
    if free < FREE_ENOUGH:
        return _warned("disk space", f"{_mib(free)} left", "make room")
    return _ok("disk space", f"{_mib(free)} free")


def _webhooks(settings: Settings) -> Check:
    if settings.webhook_allow_private:
        return _warned(
            "webhooks",
            "those of a sandbox may go to this machine and its private network",
            "unset PAYGUARD_WEBHOOK_ALLOW_PRIVATE where others have keys: it is for development",
        )
    return _ok("webhooks", "they go to public addresses only")


def _strategy(settings: Settings) -> Check:
    found = strategy_standing(settings)
    return Check(name="strategy", state=found.state, what=found.what, then=found.then)


def _scorer(settings: Settings) -> Check:
    found = scorer_standing(settings)
    return Check(name="scorer", state=found.state, what=found.what, then=found.then)


def _audit_log(settings: Settings) -> Check:
    found = log_standing(settings)
    return Check(name="audit log", state=found.state, what=found.what, then=found.then)


CHECKS: Final[Sequence[Callable[[Settings], Check]]] = (
    _data_folder,
    _root_key,
    _database,
    _durability,
    _migrations,
    _strategy,
    _scorer,
    _audit_log,
    _writer,
    _front_end,
    _webhooks,
    _clock,
    _disk_space,
)


def _holder(lock: Path) -> str:
    with contextlib.suppress(OSError):
        return lock.read_text("utf-8", "replace").strip() or "an unknown process"
    return "an unknown process"


def _mib(count: int) -> str:
    return f"{count / (1 << 20):,.1f} MiB"
