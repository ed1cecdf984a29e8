"""What benchmarks share says plainly whether a goal was met."""

import pytest

from bench.tables import held, status


@pytest.mark.parametrize(
    ("goal", "met"), [(">= 4", True), (">= 4.1", False), ("<= 4", True), ("<= 3.9", False)]
)
def test_a_ratio_that_misses_its_goal_ends_a_benchmark_badly(goal, met):
    found = held([3.0, 4.0, 9.0], goal)

    assert found == ("4.00 (3.00 to 9.00)", f"{goal}: {'met' if met else 'missed'}")
    assert status(" | ".join(found)) == (0 if met else 1)
