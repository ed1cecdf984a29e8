"""A session with PostgreSQL: the limits it sets on every wait, as the system and the server say."""

import contextlib
import os
import socket

from service.db.postgres_wire import (
    IDLE_IN_TRANSACTION_TIMEOUT_MS,
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    TCP_USER_TIMEOUT_MS,
    connect,
)
from tests.support.network import Network
from tests.support.places import Shared
from tests.support.postgres import Cluster


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
