import pytest


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_compares_a_decision_with_a_model_with_the_same_without(written):
    block = written(
        "modelled", "--rounds", "1", "--seconds", "1", "--stores", "SQLite", may_miss=True
    )

    assert "with a model, SQLite against rules alone, SQLite:" in block
    assert "goal at most 0.5" in block
    assert "| constant route |" in block
