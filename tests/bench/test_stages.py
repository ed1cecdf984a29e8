import pytest

from bench.stages import Cost, largest

# Stages of a decision that a body which is refused at the door never comes to.
INNER = ("carrier: asked", "judging", "token signed")
STORES = ("SQLite", "PostgreSQL")


@pytest.mark.servers
@pytest.mark.longest
@pytest.mark.parametrize("store", STORES)
def test_every_stage_is_found_and_has_its_share(written, store):
    block = written("stages", "--seconds", "0.5", "--stores", store)

    for stage in ("body read and decoded", *INNER, "rows written", "commit"):
        assert f"| {stage} |" in block
    assert "The 3 largest costs: " in block
    # A function that moved would leave its stage empty: say where it is now in bench/staged.py.
    assert "Not found" not in block


@pytest.mark.servers
@pytest.mark.longest
@pytest.mark.parametrize("store", STORES)
def test_a_bad_body_ends_at_the_door(written, store):
    block = written(
        "stages", "--kind", "bad", "--seconds", "0.5", "--stores", store, block="stages_bad"
    )

    assert "answered 422: " in block
    assert "| body read and decoded |" in block
    for stage in INNER:
        assert f"| {stage} |" not in block


def test_the_largest_costs_are_named_in_their_order_with_their_shares():
    costs = [Cost("front end: door", 9.0), Cost("worker", 1.0), Cost("writer: commit", 60.0)]
    costs += [Cost("PostgreSQL, all processes", 30.0)]

    assert largest(costs, 100.0) == (
        "The 3 largest costs: writer: commit 60%, PostgreSQL, all processes 30%,"
        " front end: door 9%."
    )
