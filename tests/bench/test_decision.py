import pytest

BRIEF = ("--rounds", "1", "--seconds", "0.3", "--open-seconds", "0.5")


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_measures_every_side_and_rewrites_its_tables(written, sized):
    stores = ("SQLite", "PostgreSQL")[: sized(quick=1, ci=1, full=2)]

    block = written("decision", *BRIEF, "--stores", *stores)

    sides = [f"{side}, {store}" for store in stores for side in ("decision", "rival", "in memory")]
    for side in ("constant route", "constant, our server", "bad body refused", *sides):
        assert f"| {side} |" in block
    for goal in ("CPU, rival / ours", "p99.9 / p50", "disk / memory", "refusing a bad body"):
        assert goal in block
