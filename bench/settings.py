"""`python -m bench.settings`: which settings to run with, tried against each other in one run.

Each candidate is the product on a store of its own, all at once and sent load in turns: the way
requests wait, threads (under the cooperative front end those of its pool for blocking calls, each
with a connection to the store), pinning of processes to cores, collection of garbage, switching of
threads. Rewrites its tables, one a store, in bench/README.md when asked to.
"""

import argparse
import contextlib
import os
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import stores
from bench.decision import over, tell
from bench.processes import family
from bench.sides import Side, tuned
from bench.tables import at, rewrite, table, versions, writing

BASE = "cooperative, 16 threads"
CORES = sorted(os.sched_getaffinity(0))
# Name -> settings, variables of the environment, and whether its processes are pinned.
CANDIDATES: dict[str, tuple[dict[str, object], dict[str, str], str]] = {
    BASE: ({}, {}, ""),
    "cooperative, front ends pinned": ({}, {}, "front ends"),
    "cooperative, all pinned": ({}, {}, "all"),
    "cooperative, garbage frozen": ({}, {"BENCH_GC": "freeze"}, ""),
    "cooperative, no garbage collection": ({}, {"BENCH_GC": "off"}, ""),
    "cooperative, switching every 0.5 ms": ({}, {"BENCH_SWITCH_S": "0.0005"}, ""),
    "cooperative, one front end": ({"WORKERS": 1}, {}, ""),
    "cooperative, 4 threads": ({"THREADS": 4}, {}, ""),
    "cooperative, 64 threads": ({"THREADS": 64}, {}, ""),
    "threads, 4": ({"FRONT_END": "threads", "THREADS": 4}, {}, ""),
    "threads, 16": ({"FRONT_END": "threads", "THREADS": 16}, {}, ""),
    "threads, 16, front ends pinned": ({"FRONT_END": "threads"}, {}, "front ends"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--stores", nargs="+", default=stores.available())
    parser.add_argument("--only", nargs="+", default=list(CANDIDATES), choices=CANDIDATES)
    writing(parser)
    given = parser.parse_args()
    tables = [compared(given, store) for store in given.stores]
    head = f"{versions(stores.postgres_version(given.stores))}, {given.rounds} rounds."
    text = "\n\n".join([head, *tables])
    print(text)
    if given.write:
        rewrite(given.page, "settings", text)


def compared(given: argparse.Namespace, store: str) -> str:
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in given.only}
    with contextlib.ExitStack() as stack:
        sides = {name: stack.enter_context(candidate(name, store)) for name in given.only}
        for turn in range(given.rounds):
            for name, side in sides.items():
                taken[name].append(measured(given, side))
            tell(f"settings, {store}: round {turn + 1} of {given.rounds}")
    base = taken[given.only[0]]
    rows = [row(name, found, base) for name, found in taken.items()]
    head = (
        *(store, "CPU us each", "CPU to the first", "each second", "to the first"),
        *("p50 ms", "p99 ms"),
    )
    return table(head, rows)


@contextlib.contextmanager
def candidate(name: str, store: str) -> Iterator[Side]:
    settings, environment, pinned = CANDIDATES[name]
    other = tuned(environment) if environment else None
    with stores.side(name, store=store, settings=settings, other=other) as side:
        pin(side, pinned)
        stores.burst(side)
        tell(f"started: {name}")
        yield side


def pin(side: Side, what: str) -> None:
    """Bind front ends to a core each; with `all`, writer and worker to the first one too."""
    writer, worker, front_end = side.roots[:3]
    if what:
        for place, pid in enumerate(family([front_end])[1:]):
            _bind(pid, CORES[place % len(CORES)])
    if what == "all":
        for pid in (writer, worker):
            _bind(pid, CORES[0])


def _bind(pid: int, core: int) -> None:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            os.sched_setaffinity(int(task.name), {core})


def measured(given: argparse.Namespace, side: Side) -> dict[str, Any]:
    found = side.load(seconds=given.seconds, connections=given.connections)
    count = sum(found["statuses"].values())
    return found | {"cpu_us": found["cpu_s"] / count * 1e6, "per_s": count / found["wall"]}


def row(name: str, found: list[dict[str, Any]], base: list[dict[str, Any]]) -> tuple[str, ...]:
    latencies = sorted(took for one in found for took in one["latencies_ms"])
    cells = []
    for key in ("cpu_us", "per_s"):
        mine, first = ([one[key] for one in some] for some in (found, base))
        cells += [f"{statistics.median(mine):.0f}", f"{statistics.median(over(mine, first)):.2f}"]
    return (name, *cells, f"{at(latencies, 0.5):.1f}", f"{at(latencies, 0.99):.1f}")


if __name__ == "__main__":
    main()
