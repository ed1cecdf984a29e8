import pytest

from bench.decision import (
    BAD,
    CONSTANT,
    CONSTANT_OURS,
    RIVALS_RATE,
    Run,
    arguments,
    goals,
    open_rows,
    peak_rows,
)
from bench.sides import Side
from bench.tables import status, table

STORES = ("SQLite", "PostgreSQL")
BRIEF = ("--rounds", "1", "--seconds", "0.3", "--open-seconds", "0.5")
PEAKS = ("decision", "rival", "in memory")
TAILS = (f"decision{RIVALS_RATE}", f"rival{RIVALS_RATE}", "decision", "decision, hot payee")


@pytest.mark.servers
@pytest.mark.longest
@pytest.mark.parametrize("stores", [*((one,) for one in STORES), STORES], ids=" ".join)
def test_the_command_measures_every_side_and_rewrites_its_tables(written, stores):
    block = written("decision", *BRIEF, "--stores", *stores, may_miss=True)

    sides = [f"{side}, {store}" for store in stores for side in (*PEAKS, BAD)]
    for side in (CONSTANT, CONSTANT_OURS, *sides):
        assert f"| {side} |" in block
    for goal in ("CPU, rival / ours", "p99.9 / p50", "disk / memory", "refusing a bad body"):
        assert sum(goal in line for line in block.splitlines()) == len(stores)


class Canned(Side):
    """A side that nothing stands behind."""

    def load(self, **given):
        return {
            "statuses": {"422" if given["kind"] == "bad" else "201": 1_000},
            "outcomes": {"approve": 950, "decline": 50},
            "wall": 1.0,
            "cpu_s": 1.0,
            "latencies_ms": [10.0] * 1_000,
            "lag_p99_ms": 0.1,
            "kept_schedule": True,
        }


def canned(*stores):
    """Return a run over canned sides, with a rival that costs thrice and answers late."""
    run = Run(arguments().parse_args(["--rounds", "2", "--stores", *stores]))
    names = (CONSTANT, CONSTANT_OURS, *(f"{one}, {store}" for store in stores for one in PEAKS))
    run.sides = {name: Canned(name=name, port=0, roots=()) for name in names}
    run.peaks()
    for store in stores:
        run.tails(store)
        dearer(run, f"rival, {store}", cpu_us=3)
        slower(run, f"rival, {store}{RIVALS_RATE}", 4)
    return run


def dearer(run, name, **factors):
    for one in run.peak[name]:
        one.update({key: one[key] * factor for key, factor in factors.items()})


def slower(run, name, factor, *, share=1.0):
    """Make the slowest share of answers take so many times as long."""
    for one in run.open[name]:
        first = round(len(one["latencies_ms"]) * (1 - share))
        one["latencies_ms"][first:] = [took * factor for took in one["latencies_ms"][first:]]


@pytest.mark.parametrize("stores", [*((one,) for one in STORES), STORES], ids=" ".join)
def test_each_store_that_is_asked_for_has_all_of_its_rows_and_no_other_has_any(stores):
    run = canned(*stores)

    rows = goals(run)
    assert [row[1] for row in rows] == [store for store in stores for _ in range(8)]
    sides = {f"{side}, {store}" for store in stores for side in (*PEAKS, BAD)}
    assert {row[0] for row in peak_rows(run)} == {CONSTANT, CONSTANT_OURS} | sides
    assert len(open_rows(run)) == len(TAILS) * len(stores)


def missed(run):
    return [row[:2] for row in goals(run) if status(table((), [row]))]


def test_what_keeps_to_everything_misses_nothing():
    assert missed(canned(*STORES)) == []


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize(
    ("goal", "worsen"),
    [
        ("CPU of a decision / constant route", lambda run, _: dearer(run, CONSTANT, cpu_us=0.3)),
        ("CPU, rival / ours", lambda run, store: dearer(run, f"rival, {store}", cpu_us=0.5)),
        (
            "p99 at 60 % of the rival's peak, rival / ours",
            lambda run, store: slower(run, f"rival, {store}{RIVALS_RATE}", 0.4),
        ),
        (
            "p99 / p50 at 60 % of the peak",
            lambda run, store: slower(run, f"decision, {store}", 6, share=0.02),
        ),
        (
            "p99.9 / p50 at 60 % of the peak",
            lambda run, store: slower(run, f"decision, {store}", 21, share=0.005),
        ),
        (
            "a payee with 30 % of all, p99 / uniform",
            lambda run, store: slower(run, f"decision, {store}, hot payee", 1.6),
        ),
        (
            "decisions a second, disk / memory",
            lambda run, store: dearer(run, f"decision, {store}", per_s=0.6),
        ),
        (
            "CPU of refusing a bad body / constant, our server",
            lambda run, store: dearer(run, f"{BAD}, {store}", cpu_us=1.3),
        ),
    ],
)
def test_each_goal_can_be_missed(store, goal, worsen):
    run = canned(store)

    worsen(run, store)

    assert missed(run) == [(goal, store)]
