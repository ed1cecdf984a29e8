"""Reads of a PostgreSQL database in the role that cannot write: a connection a thread."""

import os
import threading
from typing import Final

import psycopg
from typing_extensions import override

from service.db.postgres import Connection, cause, connect, dialect, fetch_one
from service.db.reader import Reader
from service.db.statements import Bound, Compiler, Row
from service.db.store import NotReadable, StoreUnavailable

READ_ONLY: Final = ("default_transaction_read_only=on",)


class PostgresReader(Reader):
    """Runs reads on a connection that belongs to the calling thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._compiler = Compiler(dialect())
        self._local = threading.local()

    @override
    def fetch(self, read: Bound) -> list[Row]:
        return fetch_one(self._connection(), self._compiler, read)

    @override
    def try_values(self, change: Bound) -> None:
        compiled = self._compiler(change.statement)
        try:
            parameters = compiled.parameters(change.values)
            self._connection().execute(f"EXPLAIN {compiled.text}".encode(), parameters)
        except (psycopg.DataError, ValueError, TypeError, AttributeError, KeyError) as error:
            name = change.statement.name
            raise NotReadable({0: f"{name}: {type(error).__name__}"}) from error
        except psycopg.Error as error:
            raise StoreUnavailable(cause(error)) from error

    def _connection(self) -> Connection:
        local = self._local
        connection: Connection | None = getattr(local, "connection", None)
        if connection is None or connection.closed or local.process != os.getpid():
            connection = local.connection = connect(self._url, purpose="reader", options=READ_ONLY)
            local.process = os.getpid()
        return connection
