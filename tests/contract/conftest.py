"""One house for the tests of a file; each test makes its own payments in it."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
import pytest

from service.db.places import Database, Place
from tests.contract.house import Holder, House
from tests.contract.places import EXTRA
from tests.support.postgres import Cluster

Sized = Callable[..., int]
# One of so many is done on PostgreSQL in ci; everything in full.
SHARE: Final = 3


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of three merchants: Ada's, one in her tenant, and one in another."""

    ada: Holder
    ada_live: Holder
    ann: Holder
    bob: Holder
    bob_live: Holder


def new_database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    """Return a database for a service of its own; None for SQLite, a file in its data folder."""
    if store_kind == "sqlite":
        return None
    running: Cluster = request.getfixturevalue("quick_cluster")
    return running.database(migrated=True)


@pytest.fixture(scope="module")
def module_database(module_place: Place) -> Database | None:
    """Return a database of PostgreSQL; None for SQLite. A test that asks runs on both."""
    return module_place if isinstance(module_place, Database) else None


@pytest.fixture(scope="module")
def house_database(module_database: Database | None) -> Database | None:
    """Return where the house of a file is: on each store, but where nothing is stored."""
    return module_database


@pytest.fixture(scope="module")
def thinned(store_kind: str, sized: Sized) -> Sized:
    """Return `sized` with a share on PostgreSQL in ci, where all of it would cost a minute."""

    def pick(*, quick: int, ci: int, full: int) -> int:
        in_ci = ci if store_kind == "sqlite" else -(-ci // SHARE)
        return sized(quick=quick, ci=in_ci, full=full)

    return pick


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, house_database: Database | None
) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"), extra=EXTRA, database=house_database)
    yield made
    made.close()


@pytest.fixture(scope="module")
def people(house: House) -> People:
    ada, bob = house.merchant(), house.merchant()
    ann = house.merchant(tenant_id=ada.tenant_id)
    return People(
        ada=house.key(ada),
        ada_live=house.key(ada, "live"),
        ann=house.key(ann),
        bob=house.key(bob),
        bob_live=house.key(bob, "live"),
    )


@pytest.fixture
def ada(people: People) -> Holder:
    return people.ada


@pytest.fixture
def bob(people: People) -> Holder:
    return people.bob
