"""Each row of the ladder, each exclusion of the exemption, and the laws that hold over all."""

import datetime as dt

import msgspec
import pytest

from risk.facts import Counter
from risk.policy.asking import Setting, ask, day_bounds


@pytest.fixture
def asked(strategy, payment, known):
    def make(risk_level="low", preset="CN", **given):
        of_facts = set(payment().__struct_fields__)
        return ask(
            Setting(
                facts=payment(**{k: v for k, v in given.items() if k in of_facts}),
                circumstances=known(
                    preset=preset, **{k: v for k, v in given.items() if k not in of_facts}
                ),
                preset=strategy.preset(preset),
                ladder=strategy.ladder,
                risk_level=risk_level,
            )
        )

    return make


@pytest.mark.parametrize(
    ("given", "level", "code"),
    [
        ({"amount_minor": 10_000}, 0, "small_payment"),
        ({"amount_minor": 10_001}, 1, "small_over_limit"),
        ({"amount_minor": 100_000}, 1, "small_over_limit"),
        ({"amount_minor": 100_001}, 2, "day_limit"),
        ({"amount_minor": 500_000}, 2, "day_limit"),
        ({"amount_minor": 500_001}, 3, "above_day_limits"),
        ({"spent_today_minor": {1: 95_001, 2: 95_001}}, 2, "day_limit"),
        ({"spent_today_minor": {1: 95_000, 2: 95_000}}, 0, "small_payment"),
        ({"spent_today_minor": {1: 0, 2: 495_001}}, 3, "above_day_limits"),
        ({"spent_today_minor": {2: 0}}, 2, "day_limit"),
        ({"spent_today_minor": {}}, 3, "above_day_limits"),
        ({"payee_is_new": True}, 3, "new_payee"),
        ({"currency": "USD"}, 3, "no_limits"),
        ({"risk_level": "medium"}, 2, "risk_raised"),
        ({"risk_level": "high"}, 3, "risk_raised"),
        ({"risk_level": "very_high"}, 4, "risk_raised"),
        ({"risk_level": "medium", "amount_minor": 500_001}, 3, "above_day_limits"),
        ({"risk_level": "very_high", "payee_is_new": True}, 4, "risk_raised"),
        ({"is_protected": True, "protected_limit_minor": 4_999}, 4, "protected_over_limit"),
        ({"kind": "verification", "amount_minor": 0}, 1, "verification"),
        ({"kind": "verification", "amount_minor": 0, "payee_is_new": True}, 1, "verification"),
        ({"kind": "verification", "amount_minor": 0, "currency": "USD"}, 1, "verification"),
        ({"kind": "verification", "amount_minor": 500_001}, 3, "above_day_limits"),
        ({"kind": "verification", "amount_minor": 0, "risk_level": "high"}, 3, "risk_raised"),
    ],
)
def test_the_ladder_asks_for_this_level(asked, given, level, code) -> None:
    found = asked(**given)

    assert (found.level, found.reasons[0].code) == (level, code)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"has_small_consent": False}, "small_no_consent"),
        ({"device_is_known": False}, "small_device_unknown"),
        ({"device_id": None}, "small_device_unknown"),
        ({"is_protected": True}, "small_protected"),
        ({"payer_id": None}, "small_guest"),
        ({"initiator": "merchant"}, "small_not_by_payer"),
        ({"instrument_id": None}, "small_uncountable"),
        ({"counters": {}}, "small_uncountable"),
    ],
)
def test_the_exemption_excludes(asked, given, code) -> None:
    found = asked(**given)

    assert found.level == 1
    assert found.exemption is None
    assert found.reasons[0].code == code


@pytest.mark.parametrize("scope", ["payer", "instrument", "device"])
@pytest.mark.parametrize(
    ("spent", "code"),
    [
        (Counter(4, 45_000), None),
        (Counter(5, 0), "small_count_spent"),
        (Counter(0, 45_001), "small_sum_spent"),
    ],
)
def test_each_scope_s_counter_ends_the_exemption(asked, scope, spent, code) -> None:
    counters = {name: Counter(0, 0) for name in ("payer", "instrument", "device")}

    found = asked(counters={**counters, scope: spent})

    assert [reason.code for reason in found.reasons] == [code or "small_payment"]
    assert (found.exemption is None) == (code is not None)


@pytest.mark.parametrize("scope", ["payer", "instrument", "device"])
def test_a_scope_without_its_counter_is_not_exempt(asked, scope) -> None:
    counters = {name: Counter(0, 0) for name in ("payer", "instrument", "device")}
    del counters[scope]

    found = asked(counters=counters)

    assert found.reasons[0].slots == {"scope": scope}
    assert found.level == 1


def test_a_protected_payer_who_allowed_it_is_exempt(asked) -> None:
    found = asked(is_protected=True, protected_small_allowed=True)

    assert found.level == 0


def test_an_exemption_says_what_to_count_and_up_to_where(asked) -> None:
    used = asked().exemption

    assert msgspec.to_builtins(used) == {
        "code": "small_payment",
        "scopes": ("payer", "instrument", "device"),
        "amount_minor": 5_000,
        "currency": "CNY",
        "count_max": 5,
        "amount_minor_max": 50_000,
    }


def test_a_payment_with_proof_uses_no_exemption(asked) -> None:
    found = asked(level_proved=1)

    assert (found.level, found.exemption) == (1, None)


@pytest.mark.parametrize(
    ("today", "amount", "is_refused"),
    [(0, 50_000, False), (0, 50_001, True), (45_000, 5_000, False), (45_001, 5_000, True)],
)
@pytest.mark.parametrize("level_proved", [0, 4])
def test_a_static_code_has_a_day_limit_whatever_the_proof(
    asked, today, amount, is_refused, level_proved
) -> None:
    found = asked(
        entry="qr_static",
        static_qr_today_minor=today,
        amount_minor=amount,
        level_proved=level_proved,
    )

    assert found.is_refused == is_refused


def test_a_static_code_s_unknown_sum_counts_as_spent(asked) -> None:
    assert asked(entry="qr_static", static_qr_today_minor=None).is_refused


def test_a_dynamic_code_has_no_such_limit(asked) -> None:
    assert not asked(entry="qr_dynamic", static_qr_today_minor=None).is_refused


def test_judge_only_asks_for_no_level(asked) -> None:
    found = asked(preset="judge_only", amount_minor=10**9, payee_is_new=True)

    assert (found.level, found.exemption) == (None, None)


@pytest.mark.parametrize("stage", ["in_flight", "post_payment"])
def test_later_stages_ask_nothing_anew(asked, stage) -> None:
    found = asked(stage=stage, payee_is_new=True, amount_minor=10**9, level_proved=2)

    assert (found.level, found.reasons[0].code) == (2, "approval_stands")


def test_all_reasons_are_given_the_strongest_first(asked) -> None:
    found = asked(payee_is_new=True, amount_minor=100_001, risk_level="very_high")

    assert [reason.code for reason in found.reasons] == ["risk_raised", "new_payee", "day_limit"]


@pytest.mark.parametrize(
    ("preset", "at", "start"),
    [
        ("CN", "2026-11-24T15:59:59+00:00", "2026-11-23T16:00:00+00:00"),
        ("CN", "2026-11-24T16:00:00+00:00", "2026-11-24T16:00:00+00:00"),
        ("judge_only", "2026-11-24T16:00:00+00:00", "2026-11-24T00:00:00+00:00"),
    ],
)
def test_a_day_is_the_preset_s_own(strategy, preset, at, start) -> None:
    found = day_bounds(strategy.preset(preset), at=dt.datetime.fromisoformat(at))

    begin = dt.datetime.fromisoformat(start)
    assert found == (begin, begin + dt.timedelta(days=1))
