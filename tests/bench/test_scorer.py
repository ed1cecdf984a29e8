"""The benchmark of scores runs, finds both sides equal, and ends as its ratios say."""

import pytest


@pytest.mark.longest
def test_the_command_compares_scores_and_reasons_with_xgboost_s(written):
    # On a machine that does other things a ratio may be missed; equal numbers are asked for always.
    block = written("scorer", "--rounds", "1", may_miss=True)

    for shape in ("400 x 6", "100 x 3"):
        for what, other in (("score", "inplace_predict"), ("reasons", "pred_contribs")):
            assert f"| {what}, {shape} | ours |" in block
            assert f"| {what}, {shape} | {other} |" in block
    assert block.count(">= 4: m") == 4
    assert block.count("reasons differ by") == 2
