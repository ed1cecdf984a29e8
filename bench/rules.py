"""`python -m bench.rules`: 50 rules over 60 fields, ours beside other rule engines, in one run.

Every side gets one record and says which rules hit and why. Each field is read by a condition.
Ours is what a payment runs: the strategy's runner, with a result, its real values and, for each
rule that hit, a reason that shows every field which its condition reads. A comparator is measured
where it is installed; none is a dependency:

    uv run --with zen-engine --with cel-expr-python python -m bench.rules

All sides must name the same hits, or nothing is printed. Rewrites its table in bench/README.md
when asked to. Ends with 1 where a goal was missed, and says which.
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
from collections.abc import Callable, Mapping

from bench.tables import conclude, held, table, versions, writing
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
# How many fields a condition reads, and its words here and in CEL.
EXPRESSIONS = (
    (1, "{a} > {t}", "{a} > {t}"),
    (2, "{a} > {t} and {b} < {u}", "{a} > {t} && {b} < {u}"),
    (3, "{a} + {b} > 2 * {c}", "{a} + {b} > 2.0 * {c}"),
    (2, "{a} > {t} or {b} == {u}", "{a} > {t} || {b} == {u}"),
    (1, "not ({a} <= {t})", "!({a} <= {t})"),
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
        # Of each condition, the fields that it reads.
        self.read: list[tuple[str, ...]] = []
        unread = set(names)
        while len(self.plain) < RULES:
            number = len(self.plain)
            count, *words = EXPRESSIONS[number % len(EXPRESSIONS)]
            drawn = draw(chance, names, unread, count)
            given = {"t": float(chance.randint(0, 100)), "u": float(chance.randint(0, 100))}
            given |= dict(zip("abc", drawn, strict=False))
            plain, cel = (one.format(**given) for one in words)
            if bool(eval(plain, {}, dict(self.record))) == (number < hits):
                self.plain.append(plain)
                self.cel.append(cel)
                self.shown.append(re.sub(r"([a-z]\w*_\w+)", r"\1 (%(\1)s)", plain))
                self.read.append(drawn)
                unread.difference_update(drawn)
        assert not unread


def draw(chance: random.Random, names: list[str], unread: set[str], count: int) -> tuple[str, ...]:
    """Return so many fields by chance, as far as may be such that nothing reads yet.

    The third of three is any: not every three fields have values that a condition can be true of.
    """
    first = chance.sample(sorted(unread), min(count, 2, len(unread)))
    rest = chance.sample([name for name in names if name not in first], count - len(first))
    drawn = [*first, *rest]
    chance.shuffle(drawn)
    return tuple(drawn)


def reason(names: tuple[str, ...]) -> Text:
    """Return a sentence that shows fields with their values, as the rules that ship have one."""
    slots = [f"{name} {{{name}}}" for name in names]
    return Text(f"Seen: {', '.join(slots)}.", f"所见字段{'、'.join(slots)}。")


def runner(case: Case) -> Runner:
    words = Text("A rule of the benchmark.", "基准测试规则。")
    rules = [
        Rule(code=f"rule_{number}", version=1, stages=("pre_payment",), when=text,
             outcome="challenge", level=2, meaning=words, reason=reason(case.read[number]))
        for number, text in enumerate(case.plain)
    ]  # fmt: skip
    return Runner(rules, make_fields(case.features))


def ours(case: Case) -> Side:
    look = runner(case).look
    values = tuple(case.record.get(name, 0.0) for name in case.features.names)
    vector = FeatureVector(case.features.id, tuple(case.features.names), values)
    facts = Facts(
        stage="pre_payment", occurred_at=dt.datetime(2026, 11, 28, tzinfo=dt.UTC), kind="purchase",
        amount_minor=1_999, currency="CNY", payer_key="payer", payee_id="payee",
    )  # fmt: skip
    known = Circumstances(preset="CN")
    preset = load_strategy().preset("CN")

    def run() -> list[int]:
        found = look(facts, known, preset, vector)
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
    """Fill in each hit's values and a reason's, which those engines leave to whoever asks."""
    record = case.record
    for number in hits:
        _ = case.shown[number] % record
        _ = {name: record[name] for name in case.read[number]}
    return hits


SIDES: dict[str, tuple[str, str, Callable[[Case], Side]]] = {
    "zen-engine": ("zen", "zen-engine", zen),
    "C++ CEL": ("cel_expr_python", "cel-expr-python", cel),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    writing(parser)
    given = parser.parse_args()
    there = {name: one for name, one in SIDES.items() if importlib.util.find_spec(one[0])}
    return conclude(given, "rules", compared(given.rounds, there))


def compared(rounds: int, there: Mapping[str, tuple[str, str, Callable[[Case], Side]]]) -> str:
    """Return the table of ours beside comparators, by the names of `SIDES`."""
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
    raise SystemExit(main())
