"""`python -m bench.stages`: where the CPU of a decision goes, by process and stage, on each store.

The stopwatch costs some microseconds a stage, so the sum is somewhat above what bench.decision
shows; the shares are what to read. Rewrites its tables in bench/README.md when asked to.
"""

import argparse
import contextlib
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from bench import stores
from bench.processes import cpu_s
from bench.sides import Side, staged
from bench.staged import FRONT_END, LOOP, WRITER
from bench.tables import rewrite, table, versions, writing

ROLES = (("front end", "front_end", FRONT_END), ("writer", "writer", WRITER))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0: the peak")
    parser.add_argument("--front-end", default="cooperative", choices=("cooperative", "threads"))
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    given = parser.parse_args()
    texts = [measured(given, store) for store in given.stores]
    text = "\n\n".join([f"{versions(stores.postgres_version(given.stores))}.", *texts])
    print(text)
    if given.write:
        rewrite(given.page, "stages", text)


def measured(given: argparse.Namespace, store: str) -> str:
    """Run the product with stopwatches; return the table of one store."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        settings = {"FRONT_END": given.front_end}
        side = stack.enter_context(
            stores.side(store, store=store, other=staged(folder), settings=settings)
        )
        roles = dict(zip(("writer", "worker", "front_end", "database"), side.roots, strict=False))
        burst = stores.burst(side)
        before = {role: cpu_s([pid]) for role, pid in roles.items()}
        told = run(given, side)
        used = {role: cpu_s([pid]) - before[role] for role, pid in roles.items()}
        stack.close()
        parts = [json.loads(path.read_text()) for path in folder.iterdir()]
        requests = sum(told["statuses"].values())
        everything = requests + sum(burst["statuses"].values())
    rows = []
    for title, role, stages in ROLES:
        total = used[role] / requests * 1e6
        rows.append((f"**{title}**", f"**{total:.0f}**", "", ""))
        rows += stage_rows([one for one in parts if one["role"] == role], stages, everything, total)
    for title, role in (("worker", "worker"), ("PostgreSQL, all processes", "database")):
        if role in used:
            rows.append((f"**{title}**", f"**{used[role] / requests * 1e6:.0f}**", "", ""))
    head = (f"{store}, {given.front_end}", "CPU us a decision", "calls", "us on the clock a call")
    return table(head, rows) + notes(parts, told)


def run(given: argparse.Namespace, side: Side) -> dict[str, Any]:
    return side.load(seconds=given.seconds, connections=given.connections, rate=given.rate)


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


def notes(parts: list[dict[str, Any]], told: dict[str, Any]) -> str:
    missing = sorted({place for part in parts for place in part["missing"]})
    per_s = sum(told["statuses"].values()) / told["wall"]
    text = f"\n\n{per_s:.0f} decisions a second."
    return f"{text} Not found: {', '.join(missing)}." if missing else text


if __name__ == "__main__":
    main()
