"""`python -m bench.hot_merchant`: one merchant with 30 % of all payments against all alike.

Many merchants on one store; rounds of the same rate with and without the hot one take turns, so
only ratios of one round are compared. Also prints what memory did meanwhile. Rewrites its table in
bench/README.md when asked to. Ends with 1 where the ratio is missed, where memory grew by more than
the settings allow, or where a request was not answered with 201, and says which.
"""

import argparse
import os
import sys
from typing import Any, NamedTuple

from bench import stores
from bench.processes import memory_mib
from bench.sides import Side
from bench.tables import at, held, rewrite, table, versions, writing
from service.settings import Settings

MERCHANTS = 50
CONNECTIONS = 64
PART_OF_PEAK = 0.6
GOAL = "<= 1.5"
# Of what has a limit in settings: feature state, and the pages that PostgreSQL keeps.
STATE_MIB = Settings().entity_cache_mib
# For all else that processes take when load first comes: allocators, connections, SQLite's pages.
ALLOWANCE_MIB = 128
KINDS = ("uniform", "hot_merchant")
HEAD = (
    *("store", "each second", "all alike: p50 / p99 ms", "hot: p50 / p99 ms", "p99 to all alike"),
    *("goal", "answers", "generator p99 late", "MiB before, after each round"),
)


class Seen(NamedTuple):
    """A store's row of the table, and what of its goals it missed."""

    row: tuple[str, ...]
    missed: tuple[str, ...]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8, help="of each load")
    # So many that the feature state of new payers reaches its limit and goes no further.
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    seen = []
    for store in given.stores:
        with stores.side(store, store=store, merchants=MERCHANTS) as side:
            seen.append(measured(given, side))
    how = (
        f"{MERCHANTS} merchants, {given.rounds} rounds of {given.seconds:g} s, open loop at"
        f" {PART_OF_PEAK:.0%} of the peak. Load average before the run {load_before:.1f}, after it"
        f" {os.getloadavg()[0]:.1f}."
    )
    head = f"{versions(stores.postgres_version(given.stores))}.\n{how}"
    text = "\n".join([head, "", table(HEAD, [one.row for one in seen])])
    print(text)
    if given.write:
        rewrite(given.page, "hot_merchant", text)
    said = [f"{one.row[0]}: {what}" for one in seen for what in one.missed]
    sys.stderr.writelines(f"{line}\n" for line in said)
    return 1 if said else 0


def allowed_mib(store: str) -> int:
    """Return by how much the memory of all processes of a side may grow."""
    return STATE_MIB + ALLOWANCE_MIB + (stores.BUFFERS_MIB if store == stores.POSTGRES else 0)


def missed(store: str, goal: str, memory: list[float], statuses: dict[str, int]) -> tuple[str, ...]:
    """Return which goals were missed.

    Args:
        store: SQLite or PostgreSQL.
        goal: What `held` says of the ratio.
        memory: MiB, the first before any round.
        statuses: How often each was answered.
    """
    grown, most = max(memory) - memory[0], allowed_mib(store)
    found = (
        (goal.endswith("missed"), f"p99 to all alike {goal}"),
        (grown > most, f"memory grew by {grown:.0f} MiB, {most} are allowed"),
        (set(statuses) != {"201"}, f"answered {statuses}"),
    )
    return tuple(text for is_missed, text in found if is_missed)


def measured(given: argparse.Namespace, side: Side) -> Seen:
    stores.burst(side)
    peak = side.load(seconds=given.seconds, connections=16)
    rate = len(peak["latencies_ms"]) / peak["wall"] * PART_OF_PEAK
    seen: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    memory = [memory_mib(side.roots)]
    for turn in range(given.rounds):
        # Whoever goes second meets a fuller store: they take turns at that as well.
        for kind in KINDS if turn % 2 == 0 else reversed(KINDS):
            taken = side.load(
                seconds=given.seconds, connections=CONNECTIONS, rate=f"{rate:.1f}", kind=kind
            )
            seen[kind].append(taken)
        memory.append(memory_mib(side.roots))
    alike, hot = (seen[kind] for kind in KINDS)
    ratios = [
        at(one["latencies_ms"], 0.99) / max(at(other["latencies_ms"], 0.99), 1e-9)
        for one, other in zip(hot, alike, strict=True)
    ]
    statuses: dict[str, int] = {}
    for one in (*alike, *hot):
        for status, count in one["statuses"].items():
            statuses[status] = statuses.get(status, 0) + count
    ratio, goal = held(ratios, GOAL)
    row = (
        side.name,
        f"{rate:.0f}",
        *map(middles, (alike, hot)),
        *(ratio, goal),
        ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())),
        f"{max(one['lag_p99_ms'] for one in (*alike, *hot)):.1f} ms",
        ", ".join(f"{held_mib:.0f}" for held_mib in memory),
    )
    return Seen(row, missed(side.name, goal, memory, statuses))


def middles(taken: list[dict[str, Any]]) -> str:
    """Return median and 99th percentile of all rounds together."""
    pooled = sorted(took for one in taken for took in one["latencies_ms"])
    return f"{at(pooled, 0.5):.1f} / {at(pooled, 0.99):.1f}"


if __name__ == "__main__":
    raise SystemExit(main())
