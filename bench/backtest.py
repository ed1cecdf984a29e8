"""How much faster history is judged over columns than payments are judged online.

`uv run --extra data python -m bench.backtest [FILE] [--rows N]` judges the first rows of a file
both ways, under the strategy that ships, and holds both to the same decisions: outcome, level,
proofs, and which rules hit or failed. Online is what the writer does for a payment besides its
database: features from the states of its entities, the engine, and the states after it. The
back-test is everything, from the file to the outcomes. Seconds are of the processor, so that what
else runs on the machine does not count. Ends with 1 where a decision differs or the ratio is
missed.
"""

import argparse
import time
from pathlib import Path

from risk.assessment import Assessment
from risk.engine import assess
from risk.entity_state import EntityState
from risk.offline.backtest import OUTCOMES, try_strategy
from risk.offline.history import circumstances
from risk.strategy import load_strategy
from risk.vectors import entities, observations, vector
from service.cli.backtest.history import load_history
from service.cli.replay.columns import load_map
from service.cli.replay.rows import open_table

ROWS = 20_000
RATIO_LEAST = 20
PRESET = "CN"


def backtested(file: Path):
    """Return the history, what the strategy makes of it, and rows a second."""
    strategy, columns = load_strategy(), load_map("handbook")
    start = time.process_time()
    values = open_table(file, columns.columns).columns()
    loaded = load_history(values, columns, preset=PRESET)
    tried = try_strategy(loaded.history, strategy)
    return loaded.history, tried, loaded.history.size / (time.process_time() - start)


def judged_online(history, rows: int):
    """Return the judgements of the first rows, and rows a second."""
    strategy = load_strategy()
    told = [history.facts(row) for row in range(rows)]
    states, met, judged = {}, set(), []
    start = time.process_time()
    for facts in told:
        for entity in entities(facts):
            if entity not in states:
                states[entity] = EntityState(strategy.features.plans[entity[0]])
        pair = (facts.payer_key, facts.payee_id)
        known = circumstances(facts, history.preset, is_new=pair not in met)
        met.add(pair)
        features = vector(facts, states, strategy.features)
        found = assess(facts, known, features, strategy)
        judged.append(found)
        declined = found.outcome == "decline"
        for seen in observations(facts, is_declined=declined, features=features):
            states[seen.kind, seen.key].add(
                seen.at,
                seen.amount_minor,
                seen.currency,
                seen.is_declined,
                seen.others,
                ratio_milli=seen.ratio_milli,
            )
    return judged, rows / (time.process_time() - start)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("file", type=Path)
    options.add_argument("--rows", type=int, default=ROWS, help="judged online")
    given = options.parse_args()
    history, tried, offline = backtested(given.file)
    rows = min(given.rows, history.size)
    judged, online = judged_online(history, rows)
    same = agreeing(judged, tried)
    ratio = offline / online
    print(f"back-test  {offline:>10,.0f} rows a second, {history.size:,} rows, file and all")
    print(f"online     {online:>10,.0f} rows a second, {rows:,} rows, without database and HTTP")
    print(f"ratio      {ratio:>10,.1f} (at least {RATIO_LEAST})")
    print(f"same       {same:,} of {rows:,} decisions")
    return status(ratio, differing=rows - same)


def agreeing(judged, tried) -> int:
    """Return for how many of the first rows the back-test decides what was decided online."""
    return sum(
        decided(online) == decided(tried.assessments[group]) and online.outcome == OUTCOMES[outcome]
        for online, outcome, group in zip(judged, tried.outcome, tried.group, strict=False)
    )


def decided(one: Assessment) -> tuple[object, ...]:
    """Return what a judgement decides; the amounts in its reasons are of one row of its group."""
    rules = tuple((rule.rule, rule.version, rule.result) for rule in one.rules)
    return one.outcome, one.level, one.any_of, one.reason_code, rules


def status(ratio: float, *, differing: int) -> int:
    """Return how the command ends: well where no decision differs and the ratio is reached."""
    return 0 if ratio >= RATIO_LEAST and not differing else 1


if __name__ == "__main__":
    raise SystemExit(main())
