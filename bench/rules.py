"""`python -m bench.rules`: 50 rules over 60 fields, ours beside other rule engines, in one run.

Every side gets one record and says which rules hit and why. Ours is what a payment runs: the
strategy's runner, with a result, its real values and a reason for each rule that hit. A comparator
is measured where it is installed; none is a dependency:

    uv run --with zen-engine --with cel-expr-python python -m bench.rules

All sides must name the same hits, or nothing is printed. Rewrites its table in bench/README.md
when asked to.
"""

import argparse
import datetime as dt
import importlib.metadata
import importlib.util
import json
import random
import re
import statistics
import time
from collections.abc import Callable

from bench.tables import held, rewrite, table, versions, writing
from risk.facts import Circumstances, Facts
from risk.feature import Text, load_features
from risk.rules.fields import make_fields
from risk.rules.runner import Runner
from risk.rules.shapes import Rule
from risk.strategy import load_strategy
from risk.vectors import FeatureVector

RULES, FIELDS, SEED = 50, 60, 20_261_128
TURNS = 400
# As few hit on a usual payment; the last column is a payment on which nearly half of them do.
HITS = (0, 2, 22)
EXPRESSIONS = (
    ("{a} > {t}",) * 2,
    ("{a} > {t} and {b} < {u}", "{a} > {t} && {b} < {u}"),
    ("{a} + {b} > 2 * {c}", "{a} + {b} > 2.0 * {c}"),
    ("{a} > {t} or {c} == {u}", "{a} > {t} || {c} == {u}"),
    ("not ({a} <= {t})", "!({a} <= {t})"),
)
GOALS = {"zen-engine": ">= 25", "C++ CEL": ">= 8"}
Side = Callable[[], list[int]]


class Case:
    """Fifty conditions in the words of each side, and a record that the first few of them hit."""

    def __init__(self, hits: int) -> None:
        chance = random.Random(SEED)
        self.features = load_features()
        names = list(self.features.names)[:FIELDS]
        assert len(names) == FIELDS
        self.record = {name: float(chance.randint(1, 100)) for name in names}
        self.hits = list(range(hits))
        self.plain: list[str] = []
        self.cel: list[str] = []
        self.shown: list[str] = []
        while len(self.plain) < RULES:
            number = len(self.plain)
            a, b, c = chance.sample(names, 3)
            given = {"t": float(chance.randint(5, 95)), "u": float(chance.randint(5, 95))}
            plain, cel = (
                one.format(a=a, b=b, c=c, **given) for one in EXPRESSIONS[number % len(EXPRESSIONS)]
            )
            if bool(eval(plain, {}, dict(self.record))) == (number < hits):
                self.plain.append(plain)
                self.cel.append(cel)
                self.shown.append(re.sub(r"([a-z]\w*_\w+)", r"\1 (%(\1)s)", plain))


def ours(case: Case) -> Side:
    words = Text("A rule of the benchmark.", "基准测试规则。")
    rules = [
        Rule(code=f"rule_{number}", version=1, stages=("pre_payment",), when=text,
             outcome="challenge", level=2, meaning=words, reason=words)
        for number, text in enumerate(case.plain)
    ]  # fmt: skip
    runner = Runner(rules, make_fields(case.features))
    values = tuple(case.record.get(name, 0.0) for name in case.features.names)
    vector = FeatureVector(case.features.id, tuple(case.features.names), values)
    facts = Facts(
        stage="pre_payment", occurred_at=dt.datetime(2026, 11, 28, tzinfo=dt.UTC), kind="purchase",
        amount_minor=1_999, currency="CNY", payer_key="payer", payee_id="payee",
    )  # fmt: skip
    known = Circumstances(preset="CN")
    preset = load_strategy().preset("CN")

    def run() -> list[int]:
        found = runner.look(facts, known, preset, vector)
        return [int(one.rule.code.removeprefix("rule_")) for one in found.hits]

    return run


def zen(case: Case) -> Side:
    import zen as engine

    expressions = [
        {"id": str(number), "key": f"r{number}", "value": text}
        for number, text in enumerate(case.plain)
    ]
    at = {"x": 0, "y": 0}
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in", "position": at},
        {"id": "all", "type": "expressionNode", "name": "all", "position": at,
         "content": {"expressions": expressions}},
        {"id": "out", "type": "outputNode", "name": "out", "position": at},
    ]  # fmt: skip
    edges = [
        {"id": "1", "type": "edge", "sourceId": "in", "targetId": "all"},
        {"id": "2", "type": "edge", "sourceId": "all", "targetId": "out"},
    ]
    kind = "application/vnd.gorules.decision"
    made = engine.ZenEngine().create_decision(
        json.dumps({"contentType": kind, "nodes": nodes, "edges": edges})
    )
    keys = [f"r{number}" for number in range(RULES)]

    def run() -> list[int]:
        found = made.evaluate(case.record)["result"]
        return explained(case, [number for number, key in enumerate(keys) if found[key]])

    return run


def cel(case: Case) -> Side:
    from cel_expr_python import cel as engine

    scope = engine.NewEnv(variables=dict.fromkeys(case.record, engine.Type.DOUBLE))
    # One list of all: the fastest of its forms, since the record is taken over once.
    every = scope.compile("[" + ", ".join(case.cel) + "]")

    def run() -> list[int]:
        found = every.eval(data=case.record).value()
        return explained(case, [number for number, one in enumerate(found) if one.value()])

    return run


def explained(case: Case, hits: list[int]) -> list[int]:
    """Fill in each hit's values, which those engines leave to whoever asks them."""
    _ = [case.shown[number] % case.record for number in hits]
    return hits


SIDES: dict[str, tuple[str, str, Callable[[Case], Side]]] = {
    "zen-engine": ("zen", "zen-engine", zen),
    "C++ CEL": ("cel_expr_python", "cel-expr-python", cel),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    writing(parser)
    given = parser.parse_args()
    text = compared(given.rounds)
    print(text)
    if given.write:
        rewrite(given.page, "rules", text)


def compared(rounds: int) -> str:
    there = {name: one for name, one in SIDES.items() if importlib.util.find_spec(one[0])}
    rows: list[list[str]] = []
    for hits in HITS:
        case = Case(hits)
        sides = {"ours": ours(case), **{name: make(case) for name, (_, _, make) in there.items()}}
        for name, run in sides.items():
            if run() != case.hits:
                raise SystemExit(f"{name} names other hits")
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(rounds):
            for name, run in sides.items():
                taken[name].append(timed(run))
        rows += told(hits, taken)
    left_out = sorted(set(SIDES) - set(there))
    used = [f"{dist} {importlib.metadata.version(dist)}" for _, dist, _ in there.values()]
    notes = [f"{versions()}; {', '.join(used) or 'no comparator'}."]
    if left_out:
        notes.append(f"Not installed: {', '.join(left_out)}.")
    head = ("side", "hits", "CPU a record, us, median", "side / ours", "goal")
    return f"{table(head, rows)}\n\n{' '.join(notes)}"


def told(hits: int, taken: dict[str, list[float]]) -> list[list[str]]:
    rows = []
    for name, times in taken.items():
        middle = f"{statistics.median(times):.1f}"
        if name == "ours":
            rows.append([name, str(hits), middle, "1", ""])
            continue
        ratios = [other / own for other, own in zip(times, taken["ours"], strict=True)]
        rows.append([name, str(hits), middle, *held(ratios, GOALS[name])])
    return rows


def timed(run: Side) -> float:
    """Return microseconds of CPU of one turn, the mean of many."""
    began = time.process_time_ns()
    for _ in range(TURNS):
        run()
    return (time.process_time_ns() - began) / TURNS / 1e3


if __name__ == "__main__":
    main()
