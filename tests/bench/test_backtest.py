"""History over columns decides what was decided online, and much sooner."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from bench.backtest import RATIO_LEAST, agreeing, backtested, decided, judged_online, status
from risk.offline.backtest import OUTCOMES
from tests.support.labelled import payments, written
from tests.support.servers import ROOT

ROWS = 2_000


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file in which one payer pays so often that some of it is declined."""
    rows = payments(ROWS, seed=3, days=1)
    for row in rows[::2]:
        row["CUSTOMER_ID"] = "busy"
    return written(tmp_path_factory.mktemp("backtest") / "history.csv", rows)


@pytest.mark.longest
@pytest.mark.alone
def test_a_back_test_judges_twenty_times_as_many_rows_a_second(material: Path) -> None:
    whole = material / "data" / "handbook" / "transactions.parquet"

    done = subprocess.run(
        [sys.executable, "-m", "bench.backtest", str(whole)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^same +20,000 of 20,000 decisions$", done.stdout, re.MULTILINE)


@pytest.mark.long
def test_both_sides_come_to_the_same_decisions(file: Path) -> None:
    history, tried, _ = backtested(file)

    judged, _ = judged_online(history, ROWS)

    assert agreeing(judged, tried) == ROWS
    # Else nothing that depends on earlier payments would have been compared.
    found = Counter(one.outcome for one in judged)
    assert min(found["challenge"], found["decline"]) > 100
    assert len({decided(one) for one in judged}) > 2


def test_an_outcome_or_a_rule_that_differs_is_seen(file: Path) -> None:
    history, tried, _ = backtested(file)
    judged, _ = judged_online(history, 50)
    outcome = np.array(tried.outcome)
    outcome[7] = (outcome[7] + 1) % len(OUTCOMES)
    judged[9] = msgspec.structs.replace(judged[9], rules=judged[9].rules[1:])

    assert agreeing(judged, tried._replace(outcome=outcome)) == 48


def test_a_ratio_too_low_or_one_decision_that_differs_ends_it_badly() -> None:
    assert status(RATIO_LEAST, differing=0) == 0
    assert status(RATIO_LEAST - 0.1, differing=0) == 1
    assert status(RATIO_LEAST, differing=1) == 1
