"""The strongest of two verdicts stands, whichever comes first, and keeps what it carries."""

import itertools

import pytest

from risk.assessment import STRENGTH, Reason
from risk.policy.settling import Verdict, strongest

PAIRS = list(itertools.combinations(STRENGTH, 2))


def verdict(outcome: str, code: str) -> Verdict:
    return Verdict(outcome=outcome, level=None, reasons=(Reason(code),))


@pytest.mark.parametrize(("weaker", "stronger"), PAIRS)
def test_the_stronger_verdict_stands_from_either_side(weaker, stronger) -> None:
    one, other = verdict(weaker, "new_payee"), verdict(stronger, "too_many_payments")

    assert strongest(one, other) == strongest(other, one)
    assert strongest(one, other).outcome == stronger


def test_of_two_equals_the_first_stands_with_the_other_s_reasons_behind() -> None:
    found = strongest(verdict("hold", "new_payee"), verdict("hold", "cooling_off"))

    assert [reason.code for reason in found.reasons] == ["new_payee", "cooling_off"]
