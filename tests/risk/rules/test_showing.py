"""A comparison with its real values, and the slots of a reason."""

import pytest

from risk.assessment import Amount, Reason
from risk.feature import Text
from risk.reasons import reason_text
from risk.rules.compiler import make_places
from risk.rules.parser import parse
from risk.rules.showing import (
    SHOWN_MAX,
    Shown,
    make_said,
    make_shown,
    make_telling,
    slot_kind,
    slots_of,
)
from risk.vectors import Missing


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a >= 30", "a (31) >= 30"),
        ("not f and a in [31, 2]", "not f (true) and a (31) in [31, 2]"),
        ("(f or a < 1) and known(m)", "(f (true) or a (31) < 1) and known(m) (missing: no_device)"),
        ('default(n, "x") == "CN"', 'default(n, "x") (missing) == "CN"'),
        ("a * 0.5 > -r", "a (31) * 0.5 > -r (2.5)"),
    ],
)
def test_each_field_has_its_value_behind_it(source, text) -> None:
    values = {"a": 31, "f": True, "m": Missing("no_device"), "n": None, "r": 2.5}

    for features in ((), ("f", "n"), tuple(values)):
        places = make_places(features, tuple(values.keys() - set(features)))
        both = (
            [values[name] for name in features],
            [values[one] for one in places if one not in features],
        )

        assert make_telling(make_shown(parse(source)), {}, places).expression(both) == text


def test_what_is_shown_has_a_bound() -> None:
    shown = make_shown(parse(" or ".join(["long_name_of_a_field > 1"] * 60)))
    places = make_places(("long_name_of_a_field",), ())
    text = make_telling(shown, {}, places).expression(([1], []))

    assert (len(text), text[-1]) == (SHOWN_MAX, "…")


def test_slots_are_names_in_braces_and_nothing_else() -> None:
    assert slots_of("{a} and {b_1}, {a}") == {"a", "b_1"}
    for text in ("{a.b}", "{a!r}", "{a:>9}", "{}", "{{a}}", "{0}", "a}", "{A}", "{a"):
        with pytest.raises(ValueError, match="brace"):
            slots_of(text)


def test_values_become_slots_by_their_units(fields) -> None:
    names = ("amount_minor", "payer_payment_count_1h", "payee_age_s", "balance_share", "ip_country",
             "remote_access", "call_active", "instalments")  # fmt: skip
    kinds = {name: slot_kind(fields.by_name[name]) for name in names}
    values = {"amount_minor": 38_000, "payer_payment_count_1h": 3, "payee_age_s": 90,
              "balance_share": 955, "ip_country": "CN", "remote_access": True,
              "call_active": None, "instalments": Missing("no_history")}  # fmt: skip

    assert set(kinds.values()) == {"amount", "count", "age", "share", "text", "flag"}
    telling = make_telling(Shown("", ()), kinds, make_places((), tuple(values)))
    assert telling.reason(((), tuple(values.values())), "JPY") == {
        "amount_minor": Amount(38_000, "JPY", 0),
        "payer_payment_count_1h": 3,
        "payee_age_s": 90,
        "balance_share": 955,
        "ip_country": "CN",
        "remote_access": 1,
        "call_active": "",
        "instalments": "",
    }


@pytest.mark.parametrize(
    ("kind", "value", "en", "zh"),
    [
        ("amount", Amount(38_000, "CNY", 2), "380.00 CNY", "380.00 CNY"),
        ("share", 955, "95.5%", "95.5%"),
        ("age", 7_300, "2 hours", "2 小时"),
        ("age", 0, "0 seconds", "0 秒"),
        ("age", 86_399, "23 hours", "23 小时"),
        ("count", 3, "3", "3"),
        ("text", "CN", "CN", "CN"),
        ("flag", 1, "yes", "是"),
        ("flag", 0, "no", "否"),
        ("amount", "", "unknown", "未知"),
    ],
)
def test_a_sentence_has_the_values_of_its_slots(texts, kind, value, en, zh) -> None:
    said = make_said(Text("a {x} b", "甲{x}乙"), {"x": kind})
    reason = Reason("some_rule", {"x": value}, said)

    assert reason_text(reason, "en", texts) == f"a {en} b"
    assert reason_text(reason, "zh", texts) == f"甲{zh}乙"
