"""What the doctor says of a PostgreSQL database: what it survives, and who may do what."""

import dataclasses
from collections.abc import Iterator

import pytest

from service.cli.checks_postgres import durability, roles
from service.db.places import Database
from tests.support.postgres import OWNER, SUPERUSER, Cluster
from tests.support.writer import until


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A server whose settings concern no other test."""
    with Cluster() as running:
        yield running


def test_a_server_that_waits_for_the_disk_is_durable(cluster: Cluster) -> None:
    found = durability(cluster.database())

    assert found.state == "ok"
    assert "fsync=on, full_page_writes=on, synchronous_commit=on" in found.what
    assert "no synchronous standby" in found.what


def test_a_server_that_does_not_wait_is_named(quick_cluster: Cluster) -> None:
    found = durability(quick_cluster.database())

    assert found.state == "fail"
    assert "fsync=off" in found.what


def test_a_standby_is_named_and_whether_anything_is_acknowledged(own: Cluster) -> None:
    place = own.database()

    with own.bound_to_standby():
        missing = durability(place)
        with own.standby():
            until(lambda: durability(place).state == "ok")
            there = durability(place)

    assert missing.state == "fail"
    assert "standbys standby, of which none is connected: nothing is acknowledged" in missing.what
    assert missing.then.startswith("start the standby")
    assert there.what.endswith(
        "standbys standby: what was acknowledged survives a crash, a power cut and the loss of"
        " this machine"
    )


def test_each_role_answers(cluster: Cluster) -> None:
    found = roles(cluster.database())

    assert (found.state, found.then) == ("ok", "")
    assert "writer as payguard_writer, reader as payguard_reader" in found.what


def test_a_role_that_may_too_much_is_named(cluster: Cluster) -> None:
    place = cluster.database()
    owned = dataclasses.replace(place, writer=place.owner)
    almighty = dataclasses.replace(place, reader=place.owner.replace(OWNER, SUPERUSER, 1))

    assert roles(owned).state == roles(almighty).state == "fail"
    assert "the writer's role payguard_owner" in roles(owned).what


def test_a_database_that_is_away_fails_and_shows_no_password() -> None:
    place = Database(writer="postgresql://w:s3cret@127.0.0.1:1/payguard")

    for look in (roles, durability):
        found = look(place)
        assert found.state == "fail"
        assert "s3cret" not in found.what
