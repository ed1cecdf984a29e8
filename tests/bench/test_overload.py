import pytest


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_says_what_is_left_under_overload(written):
    block = written("overload", "--seconds", "2", "--calm-seconds", "2", "--stores", "SQLite")

    assert "| SQLite |" in block
    assert "%" in block
