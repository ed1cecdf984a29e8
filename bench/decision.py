"""`python -m bench.decision`: a whole durable decision, its floor and its rival, in one run.

All sides run at once and are sent load in turns, round after round; only ratios of figures of one
round are compared. Prints CPU of all processes a decision, decisions a second and latencies;
rewrites the tables in bench/README.md when asked to. Ends with 1 where a goal was missed, and says
which.
"""

import argparse
import contextlib
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from bench import stores
from bench.plot import latencies
from bench.sides import RIVAL, WORKERS, Side, floor
from bench.tables import at, conclude, held, table, versions, writing

THREADS = 16
OPEN_CONNECTIONS = 64
PART_OF_PEAK = 0.6
CPU_GOAL = {stores.SQLITE: "<= 2.5", stores.POSTGRES: "<= 3"}
P99_GOAL = {stores.SQLITE: ">= 2", stores.POSTGRES: ">= 3"}
RIVALS_RATE = ", rival's rate"
PICTURE = "latency.svg"
CONSTANT, CONSTANT_OURS, BAD = "constant route", "constant, our server", "bad body refused"
BAD_GOAL = "<= 1.25"


class Run:
    """Sides, and what each saw in each round."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.sides: dict[str, Side] = {}
        self.peak: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.open: dict[str, list[dict[str, Any]]] = defaultdict(list)

    def cpu(self, name: str) -> list[float]:
        """Return CPU microseconds a request at the peak, one a round."""
        return [one["cpu_us"] for one in self.peak[name]]

    def rate(self, name: str) -> float:
        """Return decisions a second at the peak."""
        return statistics.median(one["per_s"] for one in self.peak[name])

    def peaks(self) -> None:
        """Measure what each side can do: a closed loop, which never asks more than it answers."""
        for turn in range(self.given.rounds):
            for name, side in self.sides.items():
                self._peak(name, side, kind="uniform")
            for store in self.given.stores:
                self._peak(f"{BAD}, {store}", self.sides[f"decision, {store}"], kind="bad")
            tell(f"peaks: round {turn + 1} of {self.given.rounds}")

    def _peak(self, name: str, side: Side, *, kind: str) -> None:
        given = self.given
        taken = side.load(seconds=given.seconds, connections=given.connections, kind=kind)
        count = sum(taken["statuses"].values())
        expected = {"422" if kind == "bad" else "201"}
        if set(taken["statuses"]) - expected:
            tell(f"{name}: answers {taken['statuses']}")
        self.peak[name].append(
            taken | {"cpu_us": taken["cpu_s"] / count * 1e6, "per_s": count / taken["wall"]}
        )

    def tails(self, store: str) -> None:
        """Measure latencies at fixed rates: 60 % of the rival's peak, and 60 % of our own."""
        ours, rival = f"decision, {store}", f"rival, {store}"
        theirs, own = self.rate(rival) * PART_OF_PEAK, self.rate(ours) * PART_OF_PEAK
        for turn in range(self.given.rounds):
            for name, side, rate, kind in (
                (f"{ours}{RIVALS_RATE}", ours, theirs, "uniform"),
                (f"{rival}{RIVALS_RATE}", rival, theirs, "uniform"),
                (ours, ours, own, "uniform"),
                (f"{ours}, hot payee", ours, own, "hot"),
            ):
                taken = self.sides[side].load(
                    seconds=self.given.open_seconds,
                    connections=OPEN_CONNECTIONS,
                    rate=f"{rate:.1f}",
                    kind=kind,
                )
                count = sum(taken["statuses"].values())
                taken |= {"rate": rate, "cpu_us": taken["cpu_s"] / count * 1e6}
                self.open[name].append(taken)
            tell(f"tails, {store}: round {turn + 1} of {self.given.rounds}")

    def tail(self, name: str, share: float) -> list[float]:
        """Return a quantile of latencies in milliseconds, one a round."""
        return [at(one["latencies_ms"], share) for one in self.open[name]]


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    given = arguments().parse_args()
    run = Run(given)
    load_before = os.getloadavg()[0]
    with contextlib.ExitStack() as stack:
        run.sides[CONSTANT] = stack.enter_context(floor(CONSTANT, threads=THREADS))
        run.sides[CONSTANT_OURS] = stack.enter_context(
            floor(CONSTANT_OURS, threads=THREADS, ours=True)
        )
        for store in given.stores:
            for name, options in (
                ("decision", {}),
                # It blocks in its commit, so it needs threads.
                ("rival", {"other": RIVAL, "settings": {"FRONT_END": "threads"}}),
                ("in memory", {"in_memory": True}),
            ):
                full = f"{name}, {store}"
                side = stack.enter_context(stores.side(full, store=store, **options))
                # From here on those who send far too many are declined.
                stores.burst(side)
                run.sides[full] = side
                tell(f"started: {full}")
        run.peaks()
        for store in given.stores:
            run.tails(store)
    text = report(run, load_before)
    if given.write:
        given.page.with_name(PICTURE).write_text(picture(run))
    return conclude(given, "decision", text)


def picture(run: Run) -> str:
    """Return latencies at fixed rates as SVG."""
    pooled = {
        f"{name}, {taken[0]['rate']:.0f}/s": sorted(
            took for one in taken for took in one["latencies_ms"]
        )
        for name, taken in run.open.items()
        if name.endswith(RIVALS_RATE)
    }
    pooled = {name.replace(RIVALS_RATE, ""): one for name, one in pooled.items()}
    return latencies("Open loop, 60 % of the rival's peak", pooled)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each load at the peak")
    parser.add_argument("--open-seconds", type=float, default=8, help="of each load at a rate")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16, help="at the peak")
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    return parser


def report(run: Run, load_before: float) -> str:
    given = run.given
    how = (
        f"{WORKERS} front-end processes of {THREADS} threads, {given.rounds} rounds. Peak: closed"
        f" loop, {given.connections} connections, {given.seconds:g} s. At a rate: open loop,"
        f" {OPEN_CONNECTIONS} connections, {given.open_seconds:g} s."
        f" Load average before the run {load_before:.1f}, after it {os.getloadavg()[0]:.1f}."
    )
    lines = [
        f"{versions(stores.postgres_version(given.stores))}.",
        how,
        "",
        table(("what is asked", "store", "here", "goal"), goals(run)),
        "",
        table(
            ("at the peak", "CPU us each", "to the constant", "each second", "p50 ms", "p99 ms",
             "approved"),
            peak_rows(run),
        ),
        "",
        table(
            ("at a fixed rate", "each second", "CPU us each", "p50 ms", "p99 ms", "p99.9 ms",
             "answers", "generator"),
            open_rows(run),
        ),
    ]  # fmt: skip
    return "\n".join(lines)


def goals(run: Run) -> list[tuple[str, ...]]:
    """Return the rows of what is asked: what, store, ratio (median and range), goal."""
    return [row for store in run.given.stores for row in goals_of(run, store)]


def goals_of(run: Run, store: str) -> Iterator[tuple[str, ...]]:
    ours, rival, memory = (f"{name}, {store}" for name in ("decision", "rival", "in memory"))
    cpu = run.cpu(ours)
    p50, p99, p999 = (run.tail(ours, share) for share in (0.5, 0.99, 0.999))
    fixed, theirs = (run.tail(f"{one}{RIVALS_RATE}", 0.99) for one in (ours, rival))
    rates = ([one["per_s"] for one in run.peak[name]] for name in (ours, memory))
    for what, ratios, goal in (
        ("CPU of a decision / constant route", over(cpu, run.cpu(CONSTANT)), CPU_GOAL[store]),
        ("CPU, rival / ours", over(run.cpu(rival), cpu), ">= 2"),
        ("p99 at 60 % of the rival's peak, rival / ours", over(theirs, fixed), P99_GOAL[store]),
        ("p99 / p50 at 60 % of the peak", over(p99, p50), "<= 5"),
        ("p99.9 / p50 at 60 % of the peak", over(p999, p50), "<= 20"),
        ("a payee with 30 % of all, p99 / uniform",
         over(run.tail(f"{ours}, hot payee", 0.99), p99), "<= 1.5"),
        ("decisions a second, disk / memory", over(*rates), ">= 0.7"),
        ("CPU of refusing a bad body / constant, our server",
         over(run.cpu(f"{BAD}, {store}"), run.cpu(CONSTANT_OURS)), BAD_GOAL),
    ):  # fmt: skip
        yield (what, store, *held(ratios, goal))


def over(above: list[float], below: list[float]) -> list[float]:
    """Return ratios, one a round."""
    return [one / max(other, 1e-9) for one, other in zip(above, below, strict=True)]


def peak_rows(run: Run) -> list[tuple[str, ...]]:
    rows = []
    constant = run.cpu(CONSTANT)
    for name, taken in run.peak.items():
        latencies = sorted(took for one in taken for took in one["latencies_ms"])
        rows.append(
            (
                name,
                f"{statistics.median(run.cpu(name)):.0f}",
                f"{statistics.median(over(run.cpu(name), constant)):.2f}",
                f"{run.rate(name):.0f}",
                f"{at(latencies, 0.5):.1f}",
                f"{at(latencies, 0.99):.1f}",
                approved(taken),
            )
        )
    return rows


def approved(taken: list[dict[str, Any]]) -> str:
    """Return the share of decisions that approve."""
    count = sum(sum(one["outcomes"].values()) for one in taken)
    approvals = sum(one["outcomes"].get("approve", 0) for one in taken)
    return f"{approvals / count:.1%}" if approvals else "-"


def open_rows(run: Run) -> list[tuple[str, ...]]:
    rows = []
    for name, taken in run.open.items():
        latencies = sorted(took for one in taken for took in one["latencies_ms"])
        statuses: dict[str, int] = defaultdict(int)
        for one in taken:
            for status, count in one["statuses"].items():
                statuses[status] += count
        late = max(one["lag_p99_ms"] for one in taken)
        kept = sum(one["kept_schedule"] for one in taken)
        rows.append(
            (
                name,
                f"{taken[0]['rate']:.0f}",
                f"{statistics.median(one['cpu_us'] for one in taken):.0f}",
                *(f"{at(latencies, share):.1f}" for share in (0.5, 0.99, 0.999)),
                ", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())),
                f"kept {kept} of {len(taken)}, p99 {late:.1f} ms late",
            )
        )
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
