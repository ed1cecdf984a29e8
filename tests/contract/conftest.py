"""One house for the tests of a file; each test makes its own payments in it."""

from collections.abc import Iterator

import msgspec
import pytest

from service.db.places import Database, Place
from tests.contract.house import Holder, House
from tests.contract.places import EXTRA


class People(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of three merchants: Ada's, one in her tenant, and one in another."""

    ada: Holder
    ada_live: Holder
    ann: Holder
    bob: Holder
    bob_live: Holder


@pytest.fixture(scope="module")
def module_database(module_place: Place) -> Database | None:
    """Return a database of PostgreSQL; None for SQLite. A test that asks runs on both."""
    return module_place if isinstance(module_place, Database) else None


@pytest.fixture(scope="module")
def house_database() -> Database | None:
    """Return where the house of a file is: a file about what is stored asks for both."""
    return None


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
