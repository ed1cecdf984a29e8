"""The facts contract survives storage, and is strict about what it reads."""

import msgspec
import pytest

from risk.facts import Circumstances, Counter, Facts


def test_facts_survive_a_receipt(payment, again) -> None:
    facts = payment(ip_keys=("a", "b"), sign_in_at=payment().occurred_at, remote_access=False)

    assert again(facts) == facts
    assert msgspec.json.decode(msgspec.json.encode(facts), type=Facts) == facts


def test_circumstances_survive_a_receipt(known, again) -> None:
    found = known(counters={"payer": Counter(2, 300)}, forced="hold", merchant_limit_minor=5)

    assert again(found) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=Circumstances) == found


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": -1},
        {"amount_minor": "12"},
        {"amount_minor": 12.5},
        {"currency": "CN"},
        {"kind": "gift"},
        {"stage": "dispute"},
        {"occurred_at": "2026-11-24T12:00:00"},
        {"unheard_of": 1},
    ],
)
def test_facts_that_break_the_contract_are_not_read(payment, change) -> None:
    stored = {**msgspec.to_builtins(payment()), **change}

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(stored, type=Facts)


def test_what_is_left_out_is_taken_as_not_known() -> None:
    least = Circumstances(preset="CN")

    assert least.payee_is_new
    assert not least.has_small_consent
    assert not least.device_is_known
    assert not least.counters
