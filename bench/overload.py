"""`python -m bench.overload`: three times the load it can take, on each store; what is left of it.

Prints goodput (decisions answered within the deadline) against the peak, how the rest was
refused, how long until latencies were normal again, and memory. Rewrites its tables in
bench/README.md when asked to. Ends with 1 where a goal was missed, and says which.
"""

import argparse
import contextlib
import math
import statistics
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

from bench import stores
from bench.hot_merchant import allowed_mib
from bench.processes import cores_left, memory_mib
from bench.sides import Side
from bench.tables import at, conclude, judged, table, versions, writing

CONNECTIONS = 900
TIMES = 3
PART_OF_PEAK = 0.6
# Normal again: a second's p99 is at most this many times what it was before.
NORMAL = 2.0
# The first second fills the queue, the last is cut off.
EDGE_S = 1
# A core that the generator left: at three times the load it takes more of the machine's own.
GOODPUT_GOAL = ">= 0.8"
NORMAL_GOAL = "<= 5"
HEAD = (
    *("store", "peak a second: before, after", "asked a second", "goodput a second"),
    *("of the peak", "cores left at the peaks, over them", "of the peak, a core"),
    *("answers", "p50 / p99 ms", "503: p50 / p99 ms", "normal again after, s", "MiB before, most"),
)


class Seen(NamedTuple):
    """What a store's run came to.

    Attributes:
        row: Of the table of figures.
        kept: Goodput over the mean of the peaks before and after, each a core that the generator
            left. A decision costs more the fuller the store is, and over the peak it fills.
        normal_s: Until latencies were normal again; infinite if they never were.
        grown_mib: Of all processes.
    """

    row: tuple[str, ...]
    kept: float
    normal_s: float
    grown_mib: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--calm-seconds", type=float, default=10)
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    given = parser.parse_args()
    seen: dict[str, Seen] = {}
    for store in given.stores:
        with stores.side(store, store=store) as side:
            seen[store] = measured(given, side)
    asked = [row for store, one in seen.items() for row in goals(store, one)]
    parts = (
        f"{versions(stores.postgres_version(given.stores))}.",
        table(("what is asked", "store", "here", "goal"), asked),
        table(HEAD, [one.row for one in seen.values()]),
    )
    return conclude(given, "overload", "\n\n".join(parts))


def goals(store: str, seen: Seen) -> Iterator[tuple[str, ...]]:
    """Yield the rows of what is asked of a store: what, store, figure, goal."""
    for what, found, goal in (
        ("goodput, of the peak, a core", f"{seen.kept:.2f}", judged(seen.kept, GOODPUT_GOAL)),
        ("normal again after, s", told(seen.normal_s), judged(seen.normal_s, NORMAL_GOAL)),
        ("memory of all processes, MiB more", f"{seen.grown_mib:.0f}",
         judged(seen.grown_mib, f"<= {allowed_mib(store)}")),
    ):  # fmt: skip
        yield (what, store, found, goal)


def told(seconds: float) -> str:
    return f"{seconds:.0f}" if math.isfinite(seconds) else "never while it was watched"


def measured(given: argparse.Namespace, side: Side) -> Seen:
    stores.burst(side)
    calm = {"seconds": given.calm_seconds, "connections": 64}
    opening = side.load(seconds=given.calm_seconds / 2, connections=64)
    peak = answered_a_second(opening)
    before = side.load(rate=peak * PART_OF_PEAK, **calm)
    normal = statistics.median(one for one in before["p99_by_second"] if one is not None)
    with watched(side) as memory:
        over = side.load(seconds=given.seconds, rate=peak * TIMES, connections=CONNECTIONS)
    after = side.load(rate=peak * PART_OF_PEAK, **calm)
    peaks = [opening, side.load(seconds=given.calm_seconds / 2, connections=64)]
    found = [answered_a_second(one) for one in peaks]
    left = [cores_left(one) for one in peaks]
    good = statistics.mean(over["good"][EDGE_S:] or over["good"])
    taken, refused = over["latencies_ms"], over["refused_ms"]
    a_core = statistics.mean(one / cores for one, cores in zip(found, left, strict=True))
    kept = good / cores_left(over) / a_core
    normal_s = recovered(after["p99_by_second"], after["refused"], normal)
    row = (
        side.name,
        ", ".join(f"{one:.0f}" for one in found),
        f"{peak * TIMES:.0f} (p99 {over['lag_p99_ms']:.0f} ms late)",
        f"{good:.0f}",
        f"{good / statistics.mean(found):.0%}",
        ", ".join(f"{one:.2f}" for one in (*left, cores_left(over))),
        f"{kept:.0%}",
        ", ".join(f"{status}: {count}" for status, count in sorted(over["statuses"].items())),
        f"{at(taken, 0.5):.0f} / {at(taken, 0.99):.0f}",
        f"{at(refused, 0.5):.0f} / {at(refused, 0.99):.0f}",
        told(normal_s),
        f"{memory[0]:.0f}, {max(memory):.0f}",
    )
    return Seen(row, kept, normal_s, max(memory) - memory[0])


def answered_a_second(load: dict[str, Any]) -> float:
    """Return how many a second were decided in a closed loop."""
    return len(load["latencies_ms"]) / float(load["wall"])


def recovered(p99: list[float | None], refused: list[int], normal: float) -> float:
    """Return after how many seconds latencies were those of before for a second; inf: never."""
    for second, (worst, lost) in enumerate(zip(p99, refused, strict=True)):
        if worst is not None and worst <= normal * NORMAL and not lost:
            return second + 1
    return math.inf


@contextlib.contextmanager
def watched(side: Side) -> Iterator[list[float]]:
    """Look at a side's memory until this is left; the first figure is that of before."""
    seen = [memory_mib(side.roots)]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(1.0):
            seen.append(memory_mib(side.roots))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


if __name__ == "__main__":
    raise SystemExit(main())
