"""Reads of a PostgreSQL database in the role that cannot write: a session a thread."""

import os
import threading
from typing import Final

from typing_extensions import override

from service.db.postgres import dialect, fetch_all, try_values
from service.db.postgres_wire import Lost, Wire, connect
from service.db.reader import Reader
from service.db.statements import Bound, Compiler, Row
from service.db.store import StoreUnavailable

OPTIONS: Final = ("default_transaction_read_only=on", "jit=off")


class PostgresReader(Reader):
    """Runs reads on a session that belongs to the calling thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._compiler = Compiler(dialect())
        self._local = threading.local()

    @override
    def fetch(self, read: Bound) -> list[Row]:
        was_open = self._is_open()
        try:
            return fetch_all(self._wire(), self._compiler, [read])[0]
        except Lost as error:
            # A session that had ended while nobody used it: reading once more harms nobody.
            if not was_open:
                raise StoreUnavailable(str(error)) from error
        try:
            return fetch_all(self._wire(), self._compiler, [read])[0]
        except Lost as error:
            raise StoreUnavailable(str(error)) from error

    @override
    def try_values(self, change: Bound) -> None:
        try:
            try_values(self._wire(), self._compiler, change)
        except Lost as error:
            raise StoreUnavailable(str(error)) from error

    def _is_open(self) -> bool:
        wire: Wire | None = getattr(self._local, "wire", None)
        # A session must never be used across a fork.
        return wire is not None and wire.is_open and self._local.process == os.getpid()

    def _wire(self) -> Wire:
        local = self._local
        if not self._is_open():
            local.wire = Wire(connect(self._url, purpose="reader", options=OPTIONS))
            local.process = os.getpid()
        wire: Wire = local.wire
        return wire
