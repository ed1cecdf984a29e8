"""Who may do what in a PostgreSQL database: rights of the serving roles, row-level security.

Set anew after each migration, so that a table which a migration brings is never without them.
The owner migrates and serves nobody. The writer's batches span merchants: it sees every row and
changes no table. The reader is the front ends': it reads only, and only what belongs to the
tenant, and to the merchant, that its transaction names. Worker and command line look over all
tenants: they read as the writer, in transactions that cannot write. A word that opens every
tenant to the reader would open them to whatever can make a front end say it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from service.db.places import Database
from service.db.postgres import Connection, cause
from service.db.store import RolesUnfit, StoreUnavailable

TENANT: Final = "payguard.tenant"
MERCHANT: Final = "payguard.merchant"
KEY_HASH: Final = "payguard.key_hash"
"""What a transaction of the reader names; in force until it ends."""

APPEND_ONLY: Final = ("entries", "events", "messages")
_RIGHTS: Final = {
    **dict.fromkeys(APPEND_ONLY, "SELECT, INSERT"),
    # What was dropped is noted by the owner's functions; the writer says that it is recorded.
    "partitions": "SELECT, UPDATE (recorded_at)",
    # Which strategy decided when is never rewritten.
    "strategies": "SELECT, INSERT",
    # What a judgement names stays what it was; what was damaged becomes what was signed again.
    "models": "SELECT, INSERT, UPDATE (size_bytes, parts, manifest, note)",
    "model_parts": "SELECT, INSERT, UPDATE (content)",
    "scorers": "SELECT, INSERT",
    "alembic_version": "SELECT",
}
# What no front end reads: a model's trees tell how to pass it.
_WRITERS_ALONE: Final = frozenset({"model_parts"})
_ALL_ROWS: Final = "SELECT, INSERT, UPDATE, DELETE"
_FUNCTIONS: Final = (
    "payguard_make_partition(text, bigint, integer)",
    "payguard_detach_partition(text, integer, bigint)",
    "payguard_drop_partition()",
    "payguard_take_statistics()",
)
_POLICIES: Final = ("payguard_owner", "payguard_writer", "payguard_reader", "payguard_key")

_TABLES: Final = """
    SELECT c.relname,
        bool_or(a.attname = 'tenant_id') AS is_a_tenants,
        bool_or(a.attname = 'merchant_id') AS is_a_merchants
    FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    GROUP BY c.relname ORDER BY c.relname
"""
_FOUND: Final = """
    SELECT tablename, policyname FROM pg_policies
    WHERE schemaname = 'public' AND policyname = ANY (%s)
"""
_POWERS: Final = """
    SELECT r.rolsuper OR r.rolbypassrls OR r.rolcreaterole, pg_has_role(r.rolname, %s, 'MEMBER')
    FROM pg_roles AS r WHERE r.rolname = %s
"""


class Roles(NamedTuple):
    """Names of the three roles."""

    owner: str
    writer: str
    reader: str


def roles_of(place: Database) -> Roles:
    """Return the roles that a database's addresses name.

    Raises:
        RolesUnfit: An address names no role, or two name the same.
        StoreUnavailable: An address is missing.
    """
    roles = Roles(*(_user(place.required(one)) for one in ("owner", "writer", "reader")))
    if not all(roles) or len(set(roles)) < len(roles):
        raise RolesUnfit(
            "PAYGUARD_OWNER_URL, PAYGUARD_DATABASE_URL and PAYGUARD_READER_URL must each name a"
            " role of its own: postgresql://ROLE@HOST/DATABASE"
        )
    return roles


@contextmanager
def guarded(connection: Connection, place: Database) -> Iterator[None]:
    """Make what a database's roles lack; set their rights anew once its tables are changed.

    Args:
        connection: The owner's, in the transaction that migrates.
        place: Names the roles.

    Raises:
        RolesUnfit: They cannot be made, or have powers that a serving role must not have.
        StoreUnavailable: The database refused, or others held a lock for too long.
    """
    with _telling():
        roles = ensure_roles(connection, place)
        unguard(connection)
    yield
    with _telling():
        guard(connection, roles)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database refused: {cause(error)}") from error


def ensure_roles(connection: Connection, place: Database) -> Roles:
    """Make the serving roles where they are missing, and return all three.

    Raises:
        RolesUnfit: They cannot be made, or have powers that a serving role must not have.
    """
    roles = roles_of(place)
    for role, url in ((roles.writer, place.writer), (roles.reader, place.reader)):
        powers = _powers(connection, role, roles.owner)
        if powers is None:
            _create(connection, role, conninfo_to_dict(url).get("password"))
            powers = _powers(connection, role, roles.owner)
        if powers is not None and any(powers):
            raise RolesUnfit(
                f"the role {role} serves, so it must be neither superuser nor member of"
                f" {roles.owner}, without BYPASSRLS and CREATEROLE: change it with ALTER ROLE and"
                " REVOKE, or name another role"
            )
    return roles


def unguard(connection: Connection) -> None:
    """Take every policy off, as a table that a policy names cannot be changed.

    Rows stay shut off: from all but the owner, who sees them to move them.
    """
    for table, policy in connection.execute(_FOUND, (list(_POLICIES),)).fetchall():
        names = sql.Identifier(policy), sql.Identifier("public", table)
        connection.execute(sql.SQL("DROP POLICY {} ON {}").format(*names))
    for table, *_ in connection.execute(_TABLES).fetchall():
        text = "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY"
        connection.execute(sql.SQL(text).format(sql.Identifier("public", table)))


def guard(connection: Connection, roles: Roles) -> None:
    """Grant the serving roles what they need and nothing else, and shut every tenant's rows off.

    Args:
        connection: The owner's, in the transaction that migrates.
        roles: Who owns, writes, reads.
    """
    serving = sql.SQL(", ").join(map(sql.Identifier, (roles.writer, roles.reader)))
    for text in (
        "REVOKE ALL ON SCHEMA public FROM PUBLIC, {}",
        "GRANT USAGE ON SCHEMA public TO {}",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {}",
    ):
        connection.execute(sql.SQL(text).format(serving))
    tables = connection.execute(_TABLES).fetchall()
    for name, is_a_tenants, is_a_merchants in tables:
        rights = sql.SQL(_RIGHTS.get(name, _ALL_ROWS))
        grant = sql.SQL("GRANT {} ON public.{} TO {}")
        granted = [(rights, roles.writer)]
        if name not in _WRITERS_ALONE:
            granted.append((sql.SQL("SELECT"), roles.reader))
        for right, role in granted:
            connection.execute(grant.format(right, sql.Identifier(name), sql.Identifier(role)))
        if is_a_tenants:
            _shut(connection, name, roles, is_a_merchants=is_a_merchants)
    if any(name == "partitions" for name, *_ in tables):
        for function in _FUNCTIONS:
            execute = "GRANT EXECUTE ON FUNCTION public.{} TO {}"
            names = sql.SQL(function), sql.Identifier(roles.writer)
            connection.execute(sql.SQL(execute).format(*names))


def _shut(connection: Connection, name: str, roles: Roles, *, is_a_merchants: bool) -> None:
    table = sql.Identifier("public", name)
    for change in ("ENABLE", "FORCE"):
        text = "ALTER TABLE {} {} ROW LEVEL SECURITY"
        connection.execute(sql.SQL(text).format(table, sql.SQL(change)))
    everything = sql.SQL("true")
    own: sql.Composable = sql.SQL(f"tenant_id = current_setting('{TENANT}', true)")
    if is_a_merchants:
        own += sql.SQL(f" AND merchant_id = current_setting('{MERCHANT}', true)")
    policies = [
        ("payguard_owner", "ALL", roles.owner, everything),
        ("payguard_writer", "ALL", roles.writer, everything),
        ("payguard_reader", "SELECT", roles.reader, own),
    ]
    if name in _BY_KEY:
        policies.append(("payguard_key", "SELECT", roles.reader, sql.SQL(_BY_KEY[name])))
    create = sql.SQL("CREATE POLICY {} ON {} FOR {} TO {} USING ({})")
    for policy, what, role, condition in policies:
        names = sql.Identifier(policy), table, sql.SQL(what), sql.Identifier(role)
        connection.execute(create.format(*names, condition))


# Who finds out whose request this is knows no tenant yet, but the keyed hash of the caller's key:
# it opens that key's row and its merchant's, and nothing else.
_HASH: Final = f"decode(current_setting('{KEY_HASH}', true), 'hex')"
_BY_KEY: Final = {
    "api_keys": f"secret_hash = {_HASH}",
    "merchants": (
        "EXISTS (SELECT FROM public.api_keys AS k WHERE k.tenant_id = merchants.tenant_id"
        f" AND k.merchant_id = merchants.merchant_id AND k.secret_hash = {_HASH})"
    ),
}


def _user(url: str) -> str:
    return str(conninfo_to_dict(url).get("user") or "")


def _powers(connection: Connection, role: str, owner: str) -> tuple[bool, bool] | None:
    row: tuple[bool, bool] | None = connection.execute(_POWERS, (owner, role)).fetchone()
    return row


def _create(connection: Connection, role: str, password: object) -> None:
    made = "CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"
    text = sql.SQL(made).format(sql.Identifier(role))
    if password:
        # Hashed here, since the server may log the statement.
        secret = connection.pgconn.encrypt_password(
            str(password).encode(), role.encode(), b"scram-sha-256"
        )
        text += sql.SQL(" PASSWORD {}").format(sql.Literal(secret.decode()))
    try:
        connection.execute(text)
    except psycopg.errors.InsufficientPrivilege as error:
        raise RolesUnfit(
            f"there is no role {role}, and the owner may not make one: have a superuser run"
            f" CREATE ROLE {role} LOGIN PASSWORD '...', then migrate again"
        ) from error
