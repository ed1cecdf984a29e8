"""The strongest of two verdicts stands, whichever comes first, and keeps what it carries."""

import itertools

import pytest

from risk.assessment import STRENGTH, Reason
from risk.policy.asking import Setting
from risk.policy.settling import Verdict, strongest, wait

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


@pytest.mark.parametrize(
    ("stage", "kind", "is_offered"),
    [
        ("pre_payment", "purchase", True),
        ("pre_payment", "transfer", True),
        ("payout", "payout", False),
        ("in_flight", "payout", False),
    ],
)
def test_the_card_s_issuer_proves_where_the_card_pays(
    strategy, payment, known, stage, kind, is_offered
) -> None:
    setting = Setting(
        facts=payment(stage=stage, kind=kind, instrument_type="card"),
        circumstances=known(),
        preset=strategy.preset("CN"),
        ladder=strategy.ladder,
        risk_level="low",
    )

    found = wait(setting, outcome="hold", level=3, reasons=(Reason("new_payee"),))

    assert ("three_ds" in found.any_of) == is_offered
