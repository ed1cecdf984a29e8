import math

import pytest

from bench.hot_merchant import allowed_mib
from bench.overload import Seen, goals, recovered
from bench.tables import status, table

STORES = ("SQLite", "PostgreSQL")


@pytest.mark.servers
@pytest.mark.longest
@pytest.mark.parametrize("store", STORES)
def test_the_command_says_what_is_left_under_overload(written, store):
    brief = ("--seconds", "2", "--calm-seconds", "2", "--stores", store)

    block = written("overload", *brief, may_miss=True)

    for what in ("goodput, of the peak, a core", "normal again after, s", "memory of all"):
        assert any(line.startswith((f"| {what}",)) for line in block.splitlines())
    assert block.count(f"| {store} |") == 4


def verdicts(store, **found):
    """Return for each goal whether it was missed."""
    held = {"kept": 0.8, "normal_s": 5.0, "grown_mib": float(allowed_mib(store))}
    seen = Seen(row=(), **(held | found))
    return [status(table(("",), [row])) for row in goals(store, seen)]


@pytest.mark.parametrize("store", STORES)
def test_what_keeps_to_everything_misses_nothing(store):
    assert verdicts(store) == [0, 0, 0]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("place", "found"),
    [
        (0, {"kept": 0.79}),
        (1, {"normal_s": 6.0}),
        (1, {"normal_s": math.inf}),
        (2, {"grown_mib": 700.0}),
    ],
)
def test_each_goal_can_be_missed(store, place, found):
    missed = verdicts(store, **found)

    assert missed[place] == 1
    assert sum(missed) == 1


def test_latencies_are_normal_again_in_the_first_good_second_that_refuses_nobody():
    assert recovered([30.0, None, 19.0, 19.0], [0, 0, 1, 0], 10.0) == 4
    assert recovered([21.0, None], [0, 0], 10.0) == math.inf
