import pytest

from bench import stores
from bench.settings import BASE, CANDIDATES
from service.settings import Settings

OWN_COLLECTION = "cooperative, Python's own garbage collection"
CONNECTIONS = "cooperative, 4 connections"
PINNED = "cooperative, all pinned"


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_compares_what_it_is_asked_to(written):
    brief = ("--rounds", "1", "--seconds", "0.5")

    block = written("settings", *brief, "--only", BASE, OWN_COLLECTION, PINNED, CONNECTIONS)

    for store in stores.available():
        assert f"| {store} | CPU us each |" in block
    for name in (BASE, OWN_COLLECTION, PINNED, CONNECTIONS):
        expected = set(CANDIDATES[name].stores) & set(stores.available())
        assert block.count(f"| {name} |") == len(expected)


@pytest.mark.parametrize("name", [one for one in CANDIDATES if one != BASE])
def test_each_candidate_is_something_that_the_product_does_not_do(name):
    given = CANDIDATES[name]
    usual = Settings()

    changed = {one for one in given.settings if getattr(usual, one.lower()) != given.settings[one]}
    assert changed or given.environment or given.pinned
