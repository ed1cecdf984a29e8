import pytest

from bench import stores
from bench.settings import BASE

FROZEN = "cooperative, garbage frozen"
PINNED = "cooperative, all pinned"


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_compares_what_it_is_asked_to(written):
    brief = ("--rounds", "1", "--seconds", "0.5")

    block = written("settings", *brief, "--only", BASE, FROZEN, PINNED)

    for store in stores.available():
        assert f"| {store} | CPU us each |" in block
    for name in (BASE, FROZEN, PINNED):
        assert block.count(f"| {name} |") == len(stores.available())
