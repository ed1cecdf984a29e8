"""What `payguard doctor` looks at in a PostgreSQL database. Changes nothing that is stored."""

from typing import Any, Final, Literal, NamedTuple

import psycopg

from service.db.places import Database
from service.db.postgres import DURABLE, SERVER_VERSION_LEAST
from service.db.postgres_wire import connect
from service.db.store import StoreUnavailable

_SETTINGS: Final = """
    SELECT current_setting('fsync'), current_setting('full_page_writes'),
           current_setting('synchronous_commit'), current_setting('synchronous_standby_names'),
           current_setting('server_version_num')::int, pg_is_in_recovery(),
           (SELECT count(*) FROM pg_stat_replication
            -- A role of few rights is not told how each of them is connected, only that it is.
            WHERE coalesce(sync_state, 'sync') IN ('sync', 'quorum'))
"""
_ROLE: Final = """
    SELECT rolsuper OR rolbypassrls, current_user,
           pg_catalog.pg_get_userbyid(datdba) = current_user,
           pg_size_pretty(pg_database_size(current_database()))
    FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()
"""


class Found(NamedTuple):
    """What was found, as `service.cli.checks.Check` takes it."""

    state: Literal["ok", "warn", "fail"]
    what: str
    then: str = ""


def roles(place: Database) -> Found:
    """Say whether the database answers in each role that is set, and none may more than it must."""
    told: list[str] = []
    held = ""
    for name in ("writer", "reader"):
        url = getattr(place, name)
        if not url:
            told.append(f"no address for the {name}")
            continue
        try:
            is_almighty, role, is_owner, held = _row(url, _ROLE)
        except StoreUnavailable as error:
            return Found("fail", f"{place} as the {name}: {error}", "docs/settings.md, Databases")
        if is_almighty or is_owner:
            what = f"the {name}'s role {role} owns the database or passes row-level security"
            return Found("fail", what, "give it a role of its own: docs/settings.md, Databases")
        told.append(f"{name} as {role}")
    if place.writer and place.writer == place.reader:
        return Found("warn", f"{place}: one role for writer and reader", "give each its own")
    return Found("ok", f"{place}, {held}; {', '.join(told)}")


def durability(place: Database) -> Found:
    """Say what an acknowledged payment survives."""
    try:
        fsync, pages, commit, standbys, version, is_standby, connected = _row(
            place.writer or place.any, _SETTINGS
        )
    except StoreUnavailable as error:
        return Found("fail", f"{place}: {error}", "start the database, or correct its address")
    major = version // 10_000
    if is_standby or major < SERVER_VERSION_LEAST:
        what = f"PostgreSQL {major}{', a standby' if is_standby else ''}"
        return Found("fail", what, f"use a primary, version {SERVER_VERSION_LEAST} or newer")
    what = f"PostgreSQL {major}, fsync={fsync}, full_page_writes={pages}, "
    # The writer's session raises a weaker setting to `on`.
    used = commit if commit in DURABLE else "on"
    what += f"synchronous_commit={used}"
    if fsync != "on" or pages != "on":
        return Found("fail", what, "set fsync and full_page_writes on: a power cut loses payments")
    if standbys and not connected:
        return Found(
            "fail",
            f"{what}, standbys {standbys}, of which none is connected: nothing is acknowledged",
            "start the standby, or name none in synchronous_standby_names",
        )
    if standbys:
        return Found(
            "ok",
            f"{what}, standbys {standbys}: what was acknowledged survives a crash, a power cut and"
            " the loss of this machine",
        )
    return Found(
        "ok",
        f"{what}, no synchronous standby: what was acknowledged survives a crash and a power cut;"
        " it is lost with this machine's disk",
    )


def _row(url: str, text: Any) -> tuple[Any, ...]:
    with connect(url, purpose="doctor") as connection:
        try:
            row = connection.execute(text).fetchone()
        except psycopg.Error as error:
            raise StoreUnavailable(type(error).__name__) from error
    assert row is not None
    return row
