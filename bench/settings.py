"""`python -m bench.settings`: which settings to run with, tried against each other in one run.

Each candidate is the product on a store of its own, all at once and sent load in turns: the way
requests wait, threads where they wait in threads, pinning of processes to cores, collection of
garbage, switching of threads, and on PostgreSQL how many connections a front-end process reads
over. Under the cooperative front end a number of threads is none of them: its pool is for calls
that block, of which a payment makes none but a connection's opening. Rewrites its tables, one a
store, in bench/README.md when asked to.
"""

import argparse
import contextlib
import os
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench import stores
from bench.decision import over, tell
from bench.processes import family
from bench.sides import Side, tuned
from bench.tables import at, rewrite, table, versions, writing

BASE = "cooperative"
CORES = sorted(os.sched_getaffinity(0))


class Candidate(NamedTuple):
    """What is tried.

    Attributes:
        settings: Beside the defaults, by name.
        environment: What bench.tuned is told; nothing runs the product as it is.
        pinned: Which processes are bound to a core, if any.
        stores: On which it makes a difference.
    """

    settings: Mapping[str, object] = {}
    environment: Mapping[str, str] = {}
    pinned: str = ""
    stores: tuple[str, ...] = (stores.SQLITE, stores.POSTGRES)


CANDIDATES: dict[str, Candidate] = {
    BASE: Candidate(),
    "cooperative, front ends pinned": Candidate(pinned="front ends"),
    "cooperative, all pinned": Candidate(pinned="all"),
    "cooperative, Python's own garbage collection": Candidate(environment={"BENCH_GC": "python"}),
    "cooperative, no garbage collection": Candidate(environment={"BENCH_GC": "off"}),
    "cooperative, switching every 0.5 ms": Candidate(environment={"BENCH_SWITCH_S": "0.0005"}),
    "cooperative, one front end": Candidate({"WORKERS": 1}),
    **{
        f"cooperative, {number} connections": Candidate(
            {"READER_CONNECTIONS": number}, stores=(stores.POSTGRES,)
        )
        for number in (4, 16)
    },
    "threads, 4": Candidate({"FRONT_END": "threads", "THREADS": 4}),
    "threads, 16": Candidate({"FRONT_END": "threads", "THREADS": 16}),
    "threads, 16, front ends pinned": Candidate({"FRONT_END": "threads"}, pinned="front ends"),
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
    names = [name for name in given.only if store in CANDIDATES[name].stores]
    taken: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with contextlib.ExitStack() as stack:
        sides = {name: stack.enter_context(candidate(name, store)) for name in names}
        for turn in range(given.rounds):
            for name, side in sides.items():
                taken[name].append(measured(given, side))
            tell(f"settings, {store}: round {turn + 1} of {given.rounds}")
    rows = [row(name, found, taken[names[0]]) for name, found in taken.items()]
    head = (
        *(store, "CPU us each", "CPU to the first", "each second", "to the first"),
        *("p50 ms", "p99 ms"),
    )
    return table(head, rows)


@contextlib.contextmanager
def candidate(name: str, store: str) -> Iterator[Side]:
    settings, environment, pinned, _ = CANDIDATES[name]
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
