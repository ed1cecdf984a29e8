import pytest

from bench.hot_merchant import GOAL, MERCHANTS, allowed_mib, missed

MET = f"{GOAL}: met"
STORES = ("SQLite", "PostgreSQL")


def cells_of(block, store):
    """Return the cells of a store's row."""
    [row] = [line for line in block.splitlines() if line.startswith(f"| {store} |")]
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.servers
@pytest.mark.longest
def test_the_command_compares_a_hot_merchant_with_all_alike(written):
    given = ("--rounds", "1", "--seconds", "1", "--stores", "SQLite")
    block = written("hot_merchant", *given, may_miss=True)

    _, rate, alike, hot, _, _, answers, _, memory = cells_of(block, "SQLite")
    status, answered = answers.split(": ")
    latencies = [float(one) for both in (alike, hot) for one in both.split(" / ")]
    before, *after = (float(one) for one in memory.split(", "))
    assert f"{MERCHANTS} merchants, 1 rounds of 1 s" in block
    assert min(latencies) > 0
    # Each of the two loads lasts a second at that rate, and every payment of them is decided.
    assert status == "201"
    assert int(answered) == pytest.approx(2 * float(rate), abs=4)
    assert before > 0
    assert max(after) - before <= allowed_mib("SQLite")


@pytest.mark.servers
@pytest.mark.alone
@pytest.mark.longest
@pytest.mark.parametrize("store", STORES)
def test_a_hot_merchant_makes_nobody_wait_longer(written, store):
    block = written("hot_merchant", "--stores", store)

    assert cells_of(block, store)[5] == MET


@pytest.mark.parametrize("store", STORES)
def test_what_keeps_to_everything_misses_nothing(store):
    assert missed(store, MET, [400.0, 400.0 + allowed_mib(store)], {"201": 9}) == ()


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("goal", "grown", "statuses", "what"),
    [
        (f"{GOAL}: missed", 0, {"201": 9}, "p99 to all alike <= 1.5: missed"),
        (MET, 1, {"201": 9}, "memory grew by"),
        (MET, 0, {"201": 9, "503": 1}, "answered {'201': 9, '503': 1}"),
        (MET, 0, {}, "answered {}"),
    ],
)
def test_each_goal_can_be_missed(store, goal, grown, statuses, what):
    # Memory is at its most in a round between the first and the last.
    memory = [400.0, 450.0, 400.0 + allowed_mib(store) + grown, 450.0]

    [said] = missed(store, goal, memory, statuses)

    assert said.startswith(what)
