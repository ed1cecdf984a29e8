"""What benchmarks share says plainly whether a goal was met."""

import argparse

import pytest

from bench.tables import conclude, held, status, table


@pytest.mark.parametrize(
    ("goal", "met"), [(">= 4", True), (">= 4.1", False), ("<= 4", True), ("<= 3.9", False)]
)
def test_a_ratio_that_misses_its_goal_ends_a_benchmark_badly(goal, met):
    found = held([3.0, 4.0, 9.0], goal)

    assert found == ("4.00 (3.00 to 9.00)", f"{goal}: {'met' if met else 'missed'}")
    assert status(" | ".join(found)) == (0 if met else 1)


def test_which_goals_were_missed_is_said_at_the_end(capsys):
    rows = [("CPU", "2.00", ">= 2: met"), ("p99", "9.00", "<= 5: missed")]
    given = argparse.Namespace(write=False)

    ended = conclude(given, "some", table(("what", "here", "goal"), rows))

    assert ended == 1
    assert capsys.readouterr().err == "p99 | 9.00 | <= 5: missed\n"


def test_a_benchmark_that_meets_its_goals_or_has_none_ends_well(capsys):
    given = argparse.Namespace(write=False)

    ended = [conclude(given, "some", text) for text in (">= 2: met", "figures")]

    assert ended == [0, 0]
    assert capsys.readouterr().err == ""
