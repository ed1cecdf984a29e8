"""`python -m bench.modelled`: the whole decision with a model beside the same by rules alone.

Both sides run at once on stores of their own and get the same load in turns, with the constant
route between them; only figures of one round are compared. Rewrites its table in bench/README.md
when asked to.
"""

import argparse
import os
import statistics
import sys
from typing import Any

from bench import stores
from bench.decision import approved
from bench.sides import Other, Side, floor
from bench.tables import at, conclude, table, versions, writing
from risk.feature import load_features
from risk.models.inputs import input_names
from risk.models.manifest import Calibration
from risk.models.model import TrainedHead, make_model
from risk.offline.check import margins
from tests.support.models import about_of, grow
from tests.support.scored import activation, bring, with_model
from tests.support.servers import Service

THREADS = 16
CONNECTIONS = 16
TREES, DEPTH = 100, 3
GOAL = 0.5
APPROVED_LEAST = 90.0  # per cent; the load is chosen so that some 95 are
# Margins of one half at most, so that nearly all is approved and what is declined is by speed.
CALM = Calibration(a=0.05, b=-9.0)
HEAD = ("side", "CPU us each", "each second", "p50 / p99 ms", "approved", "answers")


def model() -> bytes:
    """Return a model over every input that there is."""
    features = load_features()
    names = input_names(features)
    grown = grow(len(names), TREES, DEPTH)
    golden = grown.rows[:256]
    head = TrainedHead(grown.booster, CALM, margins(grown.booster, golden))
    return make_model(about_of(features, names, ["unauthorized"]), {"unauthorized": head}, golden)


def decides_by(file: bytes) -> Any:
    """Return what has a service decide by a model."""

    def prepare(service: Service) -> None:
        bring(service, file)
        service.do(activation(service, 2, with_model(file)))

    return prepare


def main() -> int:
    """Compare; 1 where the goal is missed, or a side did not approve nearly all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4, help="of each load")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--stores", nargs="+", default=stores.available())
    writing(parser)
    given = parser.parse_args()
    load_before = os.getloadavg()[0]
    by_model = Other({}, prepare=decides_by(model()))
    lines: list[str] = []
    for store in given.stores:
        with (
            floor("constant route", threads=THREADS) as constant,
            stores.side(f"rules alone, {store}", store=store) as plain,
            stores.side(f"with a model, {store}", store=store, other=by_model) as scored,
        ):
            lines += measured(given, constant, plain, scored)
    how = (
        f"A model of {TREES} trees of depth {DEPTH} over {len(input_names(load_features()))}"
        f" inputs; {given.rounds} rounds of {given.seconds:g} s, closed loop, {CONNECTIONS}"
        f" connections. Load average before the run {load_before:.1f}, after it"
        f" {os.getloadavg()[0]:.1f}."
    )
    head = f"{versions(stores.postgres_version(given.stores))}.\n{how}"
    text = "\n".join([head, "", *lines])
    return conclude(given, "modelled", text)


def measured(given: argparse.Namespace, *sides: Side) -> list[str]:
    """Return what a store's sides took, and how much more the model takes."""
    _, plain, scored = sides
    for side in (plain, scored):
        stores.burst(side)
    taken: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    for turn in range(given.rounds):
        for side in sides if turn % 2 == 0 else reversed(sides):
            taken[side.name].append(side.load(seconds=given.seconds, connections=CONNECTIONS))
    by_round = zip(*(map(cpu_us, taken[side.name]) for side in sides), strict=True)
    more = [(with_one - without) / empty for empty, without, with_one in by_round]
    rows = [_row(side.name, taken[side.name]) for side in sides]
    middle = statistics.median(more)
    for side in (plain, scored):
        share = float(approved(taken[side.name]).rstrip("%-") or 0)
        assert share >= APPROVED_LEAST, f"{side.name} approves {share} per cent"
    said = (
        f"{scored.name} against {plain.name}: {middle:+.2f} of an empty request"
        f" ({min(more):+.2f} to {max(more):+.2f}); goal at most {GOAL}:"
        f" {'met' if middle <= GOAL else 'missed'}."
    )
    return [said, "", table(HEAD, rows), ""]


def cpu_us(load: dict[str, Any]) -> float:
    """Return the CPU of all processes for each answer."""
    count: int = len(load["latencies_ms"])
    return float(load["cpu_s"]) * 1e6 / max(count, 1)


def _row(name: str, loads: list[dict[str, Any]]) -> tuple[str, ...]:
    latencies = sorted(took for one in loads for took in one["latencies_ms"])
    statuses: dict[str, int] = {}
    for one in loads:
        for answer, count in one["statuses"].items():
            statuses[answer] = statuses.get(answer, 0) + count
    return (
        name,
        f"{statistics.median(map(cpu_us, loads)):.0f}",
        f"{statistics.median(len(one['latencies_ms']) / one['wall'] for one in loads):.0f}",
        f"{at(latencies, 0.5):.1f} / {at(latencies, 0.99):.1f}",
        approved(loads),
        ", ".join(f"{answer}: {count}" for answer, count in sorted(statuses.items())),
    )


if __name__ == "__main__":
    sys.exit(main())
