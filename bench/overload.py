"""`python -m bench.overload`: three times the load it can take, on each store; what is left of it.

Prints goodput (decisions answered within the deadline) against the peak, how the rest was
refused, how long until latencies were normal again, and memory. Rewrites its table in
bench/README.md when asked to.
"""

import argparse
import contextlib
import statistics
import threading
from collections.abc import Iterator

from bench import stores
from bench.processes import cores_left, memory_mib
from bench.sides import Side
from bench.tables import at, rewrite, table, versions, writing

CONNECTIONS = 900
TIMES = 3
PART_OF_PEAK = 0.6
# Normal again: a second's p99 is at most this many times what it was before.
NORMAL = 2.0
# The first second fills the queue, the last is cut off.
EDGE_S = 1
HEAD = (
    *("store", "peak a second", "asked a second", "goodput a second", "of the peak"),
    *("cores left at the peak, over it", "of the peak, a core"),
    *("answers", "p50 / p99 ms", "503: p50 / p99 ms", "normal again after", "MiB before, most"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--calm-seconds", type=float, default=10)
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    given = parser.parse_args()
    rows = []
    for store in given.stores:
        with stores.side(store, store=store) as side:
            rows.append(measured(given, side))
    text = "\n".join([f"{versions(stores.postgres_version(given.stores))}.", "", table(HEAD, rows)])
    print(text)
    if given.write:
        rewrite(given.page, "overload", text)


def measured(given: argparse.Namespace, side: Side) -> tuple[str, ...]:
    stores.burst(side)
    calm = {"seconds": given.calm_seconds, "connections": 64}
    peaks = [side.load(seconds=given.calm_seconds / 2, connections=64) for _ in range(2)]
    best = max(peaks, key=lambda one: len(one["latencies_ms"]) / one["wall"])
    peak = len(best["latencies_ms"]) / best["wall"]
    before = side.load(rate=peak * PART_OF_PEAK, **calm)
    normal = statistics.median(one for one in before["p99_by_second"] if one is not None)
    with watched(side) as memory:
        over = side.load(seconds=given.seconds, rate=peak * TIMES, connections=CONNECTIONS)
    after = side.load(rate=peak * PART_OF_PEAK, **calm)
    good = statistics.mean(over["good"][EDGE_S:] or over["good"])
    taken, refused = over["latencies_ms"], over["refused_ms"]
    return (
        side.name,
        f"{peak:.0f}",
        f"{peak * TIMES:.0f} (p99 {over['lag_p99_ms']:.0f} ms late)",
        f"{good:.0f}",
        f"{good / peak:.0%}",
        f"{cores_left(best):.2f}, {cores_left(over):.2f}",
        f"{good / cores_left(over) / (peak / cores_left(best)):.0%}",
        ", ".join(f"{status}: {count}" for status, count in sorted(over["statuses"].items())),
        f"{at(taken, 0.5):.0f} / {at(taken, 0.99):.0f}",
        f"{at(refused, 0.5):.0f} / {at(refused, 0.99):.0f}",
        recovered(after["p99_by_second"], after["refused"], normal),
        f"{memory[0]:.0f}, {max(memory):.0f}",
    )


def recovered(p99: list[float | None], refused: list[int], normal: float) -> str:
    """Return after how many seconds latencies were those of before, and stayed so one second."""
    for second, (worst, lost) in enumerate(zip(p99, refused, strict=True)):
        if worst is not None and worst <= normal * NORMAL and not lost:
            return f"{second + 1} s"
    return f"more than {len(p99)} s"


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
    main()
