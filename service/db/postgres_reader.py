"""Reads of a PostgreSQL database in a role that cannot write, one round trip each.

A read goes with the tenant and the merchant that its values name; row-level security shows the
front ends' role what belongs to them and nothing else. What was named ends with the transaction:
what a pipeline sends between two syncs is one, so that it needs no BEGIN and no COMMIT.
"""

import os
from typing import Final

import psycopg
import sqlalchemy as sa
from typing_extensions import override

from service.db.guard import KEY_HASH, MERCHANT, TENANT
from service.db.places import READER_CONNECTIONS
from service.db.pool import CHECKOUT_TIMEOUT_S, Pool
from service.db.postgres import OPTIONS, dialect, try_values
from service.db.postgres_codec import NOT_ENCODABLE
from service.db.postgres_wire import (
    STATEMENT_TIMEOUT_MS,
    Lost,
    Refused,
    Wire,
    check,
    connect,
)
from service.db.reader import Reader
from service.db.statements import Bound, Compiler, Row, Statement
from service.db.store import NotReadable, StoreUnavailable

READ_ONLY: Final = ("default_transaction_read_only=on", *OPTIONS)
# Beyond what the server itself allows a statement: it is the network that is away then.
BEYOND_S: Final = 0.5
_SCOPE: Final = Statement(
    sa.text(
        "SELECT set_config('transaction_read_only', 'on', true),"
        f" set_config('{TENANT}', :tenant, true),"
        f" set_config('{MERCHANT}', :merchant, true),"
        f" set_config('{KEY_HASH}', :key_hash, true)"
    ),
    name="what is named",
)
_NOT_FITTING: Final = "22"


class PostgresReader(Reader):
    """Runs reads on a few connections that the process's threads share, opened after a fork.

    Args:
        url: The database in the role that reads.
        purpose: What the server's lists call the connections.
        connections_max: How many there may be.
        timeout_s: How long a thread waits for one.
        statement_timeout_ms: How long a read may take.
    """

    def __init__(
        self,
        url: str,
        *,
        purpose: str = "reader",
        connections_max: int = READER_CONNECTIONS,
        timeout_s: float = CHECKOUT_TIMEOUT_S,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
    ) -> None:
        self._url = url
        self._purpose = purpose
        self._connections_max = connections_max
        self._timeout_s = timeout_s
        self._options = (*READ_ONLY, f"statement_timeout={statement_timeout_ms}")
        self._answer_s = statement_timeout_ms / 1_000 + BEYOND_S
        self._compiler = Compiler(dialect())
        self._pools: dict[int, Pool] = {}

    @override
    def fetch(self, read: Bound) -> list[Row]:
        try:
            with self._pool().connection() as wire:
                return self._fetched(wire, read)
        except (KeyError, *NOT_ENCODABLE) as error:
            raise NotReadable({0: f"{read.statement.name}: {type(error).__name__}"}) from error
        except Refused as error:
            if error.sqlstate.startswith(_NOT_FITTING):
                raise NotReadable({0: f"{read.statement.name}: {error.sqlstate}"}) from error
            raise StoreUnavailable(_named(error)) from error
        except Lost as error:
            raise StoreUnavailable(str(error)) from error

    @override
    def try_values(self, change: Bound) -> None:
        try:
            with self._pool().connection() as wire:
                try_values(wire, self._compiler, change)
        except Lost as error:
            raise StoreUnavailable(str(error)) from error

    def close(self) -> None:
        """Close the connections that nobody uses."""
        self._pool().close()

    def _fetched(self, wire: Wire, read: Bound) -> list[Row]:
        values = read.values
        scope = {
            "tenant": str(values.get("tenant_id", "")),
            "merchant": str(values.get("merchant_id", "")),
            "key_hash": bytes(values.get("secret_hash", b"")).hex(),
        }
        named, compiled = self._compiler(_SCOPE), self._compiler(read.statement)
        wire.prepare((named, compiled))
        commands = (wire.bound(named, scope), wire.bound(compiled, values))
        for result in (results := wire.exchange(commands, wait_s=self._answer_s)):
            check(result)
        return compiled.rows(wire.rows(compiled, results[1]))

    def _pool(self) -> Pool:
        process = os.getpid()
        pool = self._pools.get(process)
        if pool is None:
            # A child leaves its parent's connections alone: closing one would end it for both.
            pool = self._pools.setdefault(process, self._made())
        return pool

    def _made(self) -> Pool:
        return Pool(self._opened, connections_max=self._connections_max, timeout_s=self._timeout_s)

    def _opened(self) -> Wire:
        return Wire(connect(self._url, purpose=self._purpose, options=self._options))


def _named(refused: Refused) -> str:
    """Return what went wrong, by the driver's name for it."""
    try:
        return f"{psycopg.errors.lookup(refused.sqlstate).__name__} {refused.sqlstate}"
    except KeyError:
        return refused.sqlstate
