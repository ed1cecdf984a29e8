"""Types: what is compared with what, where a field is known, and that a condition can change."""

import pytest

from risk.rules.checker import check
from risk.rules.lexer import RuleError
from risk.rules.parser import parse


@pytest.mark.parametrize(
    "source",
    [
        "payee_is_new",
        "payee_is_new == false",
        "payer_payment_count_1h >= 3 and not known(ip_country)",
        'kind in ["transfer", "payout"]',
        "ip_country != instrument_issuer_country",
        "default(payee_age_s, 365d) < 24h",
        "amount_minor * 2 > payer_amount_sum_24h / 3 - 1",
        'on_list("watch", "payee")',
        "local_hour < 6 or local_hour >= 23",
    ],
)
def test_a_condition_that_fits_is_taken(fields, source) -> None:
    check(parse(source), fields, ("pre_payment",))


@pytest.mark.parametrize(
    ("source", "at", "what"),
    [
        ("amount_minor", 0, "compare the value"),
        ("amount_minor + 1", 13, "compare the value"),
        ("true", 0, "reads nothing"),
        ("1 < 2 and payee_is_new", 2, "two constants"),
        ("payer_mood > 1", 0, "no feature or fact payer_mood"),
        ("known(payer_mood)", 0, "no feature or fact"),
        ('amount_minor == "1"', 13, "a number is never compared with a text"),
        ("payee_is_new > 1", 13, "is never compared"),
        ("payee_is_new < payee_is_new", 13, "compares numbers only"),
        ('currency < "CNY"', 9, "compares numbers only"),
        ("not amount_minor", 4, "true or false belongs here"),
        ("payee_is_new and amount_minor", 17, "true or false belongs here"),
        ("-currency == 1", 1, "a number belongs here"),
        ("currency + 1 == 1", 0, "a number belongs here"),
        ('kind == "gift"', 8, "kind is one of purchase"),
        ('kind in ["purchase", "gift"]', 21, "kind is one of"),
        ('"gift" == kind', 0, "kind is one of"),
        ("currency in [1]", 13, "a text belongs here"),
        ("payee_age_s < amount_minor", 14, "minor are never compared with seconds|never compared"),
        ("amount_minor < 24h", 15, "never compared"),
        ("known(amount_minor)", 0, "always known"),
        ('default(currency, "CNY") == "CNY"', 0, "always known"),
        ('default(ip_country, 1) == "CN"', 20, "ip_country is a text"),
        ("default(amount_to_normal, 24h) > 1", 0, "no feature"),
        ("default(payer_payment_count_1h, 24h) > 1", 32, "never compared"),
        ('on_list("block", "moon")', 0, "no list of such values"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(fields, source, at, what) -> None:
    with pytest.raises(RuleError, match=what) as caught:
        check(parse(source), fields, ("pre_payment",))

    assert caught.value.at == at


def test_a_field_is_read_only_where_it_can_be_known(fields) -> None:
    for source in ("instrument_payment_count_1h > 1", "not device_is_known", "payee_is_new"):
        check(parse(source), fields, ("pre_payment", "payout"))
        with pytest.raises(RuleError, match="not known at stage in_flight"):
            check(parse(source), fields, ("pre_payment", "in_flight"))
