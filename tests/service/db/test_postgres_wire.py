"""A session with PostgreSQL: the limits it sets on every wait, as the system and the server say."""

import contextlib
import os
import select
import socket
import time
from typing import Final

import psycopg
import pytest

from service.db.postgres_wire import (
    CONNECT_TIMEOUT_S,
    IDLE_IN_TRANSACTION_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    TCP_USER_TIMEOUT_MS,
    connect,
)
from service.db.store import StoreUnavailable
from tests.support.network import Network
from tests.support.places import Shared
from tests.support.postgres import Cluster

# Of a machine with other work.
GRACE_S: Final = 3


def test_what_the_network_does_not_acknowledge_ends_the_session_by_itself(
    quick_cluster: Cluster, shared_database: Shared
) -> None:
    with Network(quick_cluster) as network:
        address = network.address(shared_database.place).writer

        with (
            contextlib.closing(connect(address, purpose="test")) as session,
            socket.socket(fileno=os.dup(session.pgconn.socket)) as wire,
        ):
            waits_ms = wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)

        assert waits_ms == TCP_USER_TIMEOUT_MS


def test_the_server_ends_what_takes_too_long(shared_database: Shared) -> None:
    limits_ms = {
        "statement_timeout": STATEMENT_TIMEOUT_MS,
        "lock_timeout": LOCK_TIMEOUT_MS,
        "idle_in_transaction_session_timeout": IDLE_IN_TRANSACTION_TIMEOUT_MS,
    }
    with contextlib.closing(connect(shared_database.place.writer, purpose="test")) as session:
        found = dict(
            session.execute(
                "SELECT name, setting::bigint FROM pg_settings WHERE name = ANY (%s)",
                (list(limits_ms),),
            ).fetchall()
        )

    assert found == limits_ms


@pytest.mark.long
def test_a_listener_that_stays_silent_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        # Whoever took longer would hold up what opens the session for as long.
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="ConnectionTimeout"):
            connect(f"postgresql://somebody@127.0.0.1:{port}/payguard", purpose="test")
        took = time.monotonic() - began

    assert took < CONNECT_TIMEOUT_S + GRACE_S


def test_a_transaction_that_is_left_idle_is_ended_by_the_server(shared_database: Shared) -> None:
    # The limit itself is compared above; here it is short, so that the test is.
    short = ("idle_in_transaction_session_timeout=100",)
    with contextlib.closing(
        connect(shared_database.place.writer, purpose="test", options=short)
    ) as session:
        session.execute("BEGIN")
        session.execute("SELECT 1")
        # What the server says when it ends the session.
        assert select.select([session.pgconn.socket], [], [], GRACE_S)[0]

        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            session.execute("SELECT 1")

        assert session.closed
