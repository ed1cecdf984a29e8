"""`python -m bench.stages`: where the CPU of a decision goes, by process and stage, on each store.

With `--kind bad`, where that of refusing a bad body goes. The three largest costs of each store are
named beneath its table. The stopwatch costs some microseconds a stage, so the sum is somewhat above
what bench.decision shows; the shares are what to read. Rewrites its tables in bench/README.md when
asked to, for each kind of request in a place of its own.
"""

import argparse
import contextlib
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from bench import stores
from bench.processes import cpu_s
from bench.sides import Side, staged
from bench.staged import FRONT_END, LOOP, WRITER
from bench.tables import rewrite, table, versions, writing

ROLES = (("front end", "front_end", FRONT_END), ("writer", "writer", WRITER))
# Kind of request -> its block of the page, and what one of them is called.
BLOCKS = {"uniform": ("stages", "decision"), "bad": ("stages_bad", "bad body")}
LARGEST = 3


class Cost(NamedTuple):
    """What one stage takes of a request, or a process of which no stages are known.

    Attributes:
        name: Of the process, and of the stage behind it.
        us: CPU microseconds a request.
    """

    name: str
    us: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0: the peak")
    parser.add_argument("--kind", default="uniform", choices=BLOCKS)
    parser.add_argument("--front-end", default="cooperative", choices=("cooperative", "threads"))
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    given = parser.parse_args()
    texts = [measured(given, store) for store in given.stores]
    text = "\n\n".join([f"{versions(stores.postgres_version(given.stores))}.", *texts])
    print(text)
    if given.write:
        rewrite(given.page, BLOCKS[given.kind][0], text)


def measured(given: argparse.Namespace, store: str) -> str:
    """Run the product with stopwatches; return the table of one store."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        settings = {"FRONT_END": given.front_end}
        side = stack.enter_context(
            stores.side(store, store=store, other=staged(folder), settings=settings)
        )
        roles = dict(zip(("writer", "worker", "front_end", "database"), side.roots, strict=False))
        counted = prepared(given, side)
        before = {role: cpu_s([pid]) for role, pid in roles.items()}
        told = run(given, side)
        used = {role: cpu_s([pid]) - before[role] for role, pid in roles.items()}
        stack.close()
        parts = [json.loads(path.read_text()) for path in folder.iterdir()]
        requests = sum(told["statuses"].values())
        counted += requests
    rows, costs = [], []
    for title, role, stages in ROLES:
        total = used[role] / requests * 1e6
        rows.append((f"**{title}**", f"**{total:.0f}**", "", ""))
        mine = [one for one in parts if one["role"] == role]
        found = stage_rows(mine, stages, counted, total)
        rows += found
        costs += [Cost(f"{title}: {name}", float(us)) for name, us, *_ in found]
    for title, role in (("worker", "worker"), ("PostgreSQL, all processes", "database")):
        if role in used:
            us = used[role] / requests * 1e6
            rows.append((f"**{title}**", f"**{us:.0f}**", "", ""))
            costs.append(Cost(title, us))
    what = BLOCKS[given.kind][1]
    head = (f"{store}, {given.front_end}", f"CPU us a {what}", "calls", "us on the clock a call")
    total = sum(used.values()) / requests * 1e6
    return f"{table(head, rows)}\n\n{largest(costs, total)} {notes(parts, told)}"


def prepared(given: argparse.Namespace, side: Side) -> int:
    """Make a side ready; return how many requests the stopwatches counted meanwhile."""
    if given.kind == "bad":
        # What is refused at the door needs nobody to be declined.
        stores.take_statistics(side)
        return 0
    return sum(stores.burst(side)["statuses"].values())


def run(given: argparse.Namespace, side: Side) -> dict[str, Any]:
    return side.load(
        seconds=given.seconds, connections=given.connections, rate=given.rate, kind=given.kind
    )


def stage_rows(
    parts: list[dict[str, Any]], stages: Any, requests: int, total_us: float
) -> list[tuple[str, ...]]:
    """Return a row for each stage of one kind of process, and one for what no stage saw."""
    sums = {kind: Counter[str]() for kind in ("cpu_ns", "wall_ns", "calls")}
    for part in parts:
        for kind, counted in sums.items():
            counted.update(part[kind])
    rows, seen = [], 0.0
    for name in [stage.name for stage in stages]:
        cpu, calls = sums["cpu_ns"][name] / requests / 1e3, sums["calls"][name]
        seen += cpu
        if calls:
            wall = sums["wall_ns"][name] / calls / 1e3
            rows.append((name, f"{cpu:.0f}", f"{calls / requests:.2f}", f"{wall:.0f}"))
    rest = max(total_us - seen, 0.0)
    return [*rows, (LOOP, f"{rest:.0f}", "", "")]


def largest(costs: list[Cost], total_us: float) -> str:
    """Name the largest costs, with their shares of everything."""
    first = sorted(costs, key=lambda one: one.us, reverse=True)[:LARGEST]
    told = ", ".join(f"{one.name} {one.us / max(total_us, 1e-9):.0%}" for one in first)
    return f"The {len(first)} largest costs: {told}."


def notes(parts: list[dict[str, Any]], told: dict[str, Any]) -> str:
    missing = sorted({place for part in parts for place in part["missing"]})
    per_s = sum(told["statuses"].values()) / told["wall"]
    statuses = ", ".join(f"{one}: {count}" for one, count in sorted(told["statuses"].items()))
    text = f"{per_s:.0f} a second, answered {statuses}."
    return f"{text} Not found: {', '.join(missing)}." if missing else text


if __name__ == "__main__":
    main()
