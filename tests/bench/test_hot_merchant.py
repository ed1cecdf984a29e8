import pytest


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_compares_a_hot_merchant_with_all_alike(written):
    block = written("hot_merchant", "--rounds", "1", "--seconds", "1", "--stores", "SQLite")

    assert "| SQLite |" in block
    assert "<= 1.5" in block
