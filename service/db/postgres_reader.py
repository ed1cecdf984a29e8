"""Reads of a PostgreSQL database in a role that cannot write, one round trip each.

A read goes with the tenant and the merchant that its values name; row-level security shows the
front ends' role what belongs to them and nothing else. What was named ends with the transaction.
"""

import os
from collections.abc import Mapping
from typing import Any, Final

import psycopg
from psycopg import errors
from typing_extensions import override

from service.db.guard import KEY_HASH, MERCHANT, TENANT
from service.db.pool import CHECKOUT_TIMEOUT_S, CONNECTIONS_MAX, Pool
from service.db.postgres import dialect
from service.db.postgres_wire import Connection, cause, connect
from service.db.reader import Reader
from service.db.statements import Bound, Compiler, Row
from service.db.store import NotReadable, StoreUnavailable

READ_ONLY: Final = ("default_transaction_read_only=on",)
_BEGIN: Final = b"BEGIN READ ONLY"
_SCOPE: Final = (
    f"SELECT set_config('{TENANT}', %(tenant)s::text, true),"
    f" set_config('{MERCHANT}', %(merchant)s::text, true),"
    f" set_config('{KEY_HASH}', %(key_hash)s::text, true)"
).encode()
_COMMIT: Final = b"COMMIT"
# What the values of one read can do wrong. The message is left out: it may hold values.
_NOT_BINDABLE: Final = (
    psycopg.DataError,
    errors.IndeterminateDatatype,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
)


class PostgresReader(Reader):
    """Runs reads on a few connections that the process's threads share, opened after a fork.

    Args:
        url: The database in the role that reads.
        purpose: What the server's lists call the connections.
        connections_max: How many there may be.
        timeout_s: How long a thread waits for one.
    """

    def __init__(
        self,
        url: str,
        *,
        purpose: str = "reader",
        connections_max: int = CONNECTIONS_MAX,
        timeout_s: float = CHECKOUT_TIMEOUT_S,
    ) -> None:
        self._url = url
        self._purpose = purpose
        self._connections_max = connections_max
        self._timeout_s = timeout_s
        self._compiler = Compiler(dialect())
        self._pools: dict[int, Pool] = {}

    @override
    def fetch(self, read: Bound) -> list[Row]:
        compiled = self._compiler(read.statement)
        try:
            raw = self._run(compiled.text, compiled.parameters(read.values), read.values)
            return compiled.rows(raw)
        except _NOT_BINDABLE as error:
            raise NotReadable({0: f"{read.statement.name}: {type(error).__name__}"}) from error

    @override
    def try_values(self, change: Bound) -> None:
        compiled = self._compiler(change.statement)
        try:
            parameters = compiled.parameters(change.values)
            self._run(f"EXPLAIN {compiled.text}", parameters, change.values)
        except _NOT_BINDABLE as error:
            raise NotReadable({0: f"{change.statement.name}: {type(error).__name__}"}) from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pool().close()

    def _run(
        self, text: str, parameters: Mapping[str, Any], values: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        scope = {
            "tenant": str(values.get("tenant_id", "")),
            "merchant": str(values.get("merchant_id", "")),
            "key_hash": bytes(values.get("secret_hash", b"")).hex(),
        }
        with self._pool().connection() as connection:
            try:
                with connection.pipeline():
                    connection.execute(_BEGIN, prepare=True)
                    connection.execute(_SCOPE, scope, prepare=True)
                    cursor = connection.execute(text.encode(), parameters, prepare=True)
                    connection.execute(_COMMIT, prepare=True)
                return cursor.fetchall()
            except _NOT_BINDABLE:
                _roll_back(connection)
                raise
            except psycopg.Error as error:
                _roll_back(connection)
                # Without a code it is the driver's own: a value that the statement asks for is
                # missing.
                if isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
                    raise KeyError("a value is missing") from error
                raise StoreUnavailable(cause(error)) from error

    def _pool(self) -> Pool:
        process = os.getpid()
        pool = self._pools.get(process)
        if pool is None:
            # A child leaves its parent's connections alone: closing one would end it for both.
            pool = self._pools.setdefault(process, self._made())
        return pool

    def _made(self) -> Pool:
        return Pool(self._opened, connections_max=self._connections_max, timeout_s=self._timeout_s)

    def _opened(self) -> Connection:
        return connect(self._url, purpose=self._purpose, options=READ_ONLY)


def _roll_back(connection: Connection) -> None:
    try:
        connection.rollback()
    except psycopg.Error:
        connection.close()
