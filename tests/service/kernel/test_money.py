import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernel.money import EXPONENTS, VALUE_MAX, Amount, CurrencyMismatch, Money, total

MINOR = st.integers(-(10**18), 10**18)


def decoded(value: str, currency: str = '"CNY"') -> Amount:
    body = f'{{"value": {value}, "currency": {currency}}}'.encode()
    return msgspec.json.decode(body, type=Amount)


@given(MINOR, st.integers(1, 1000))
def test_split_loses_nothing(minor: int, parts: int) -> None:
    shares = Money(minor, "CNY").split(parts)

    assert total(shares, currency="CNY") == Money(minor, "CNY")
    assert max(shares).minor - min(shares).minor <= 1
    assert len(shares) == parts


@given(MINOR, MINOR)
def test_what_is_added_can_be_taken_away_again(one: int, other: int) -> None:
    first, second = Money(one, "EUR"), Money(other, "EUR")

    assert first + second - second == first
    assert -(first - second) == second - first
    assert (first < second) == (one < other)


def test_currencies_do_not_mix_in_sums_or_comparisons() -> None:
    yuan, yen = Money(1, "CNY"), Money(1, "JPY")

    with pytest.raises(CurrencyMismatch):
        yuan + yen
    with pytest.raises(CurrencyMismatch):
        yuan - yen
    with pytest.raises(CurrencyMismatch):
        _ = yuan < yen
    with pytest.raises(CurrencyMismatch):
        total([yuan, yen], currency="CNY")
    assert yuan != yen


@pytest.mark.parametrize("minor", [1.0, "1", True, None])
def test_money_counts_in_whole_numbers_only(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "CNY")  # type: ignore[arg-type]  # the mistake


@pytest.mark.parametrize("count", [1.5, True, "2"])
def test_money_is_taken_a_whole_number_of_times(count: object) -> None:
    with pytest.raises(TypeError):
        Money(5, "CNY").times(count)  # type: ignore[arg-type]  # the mistake


def test_money_does_not_meet_bare_numbers() -> None:
    with pytest.raises(TypeError):
        Money(1, "CNY") + 1  # type: ignore[operator]  # the mistake


@pytest.mark.parametrize("currency", ["XXX", "XAU", "HRK", "cny", "", "CNY\n"])
def test_a_currency_without_a_minor_unit_is_refused(currency: str) -> None:
    with pytest.raises(ValueError, match="ISO 4217"):
        Money(1, currency)


@pytest.mark.parametrize("parts", [0, -1, 100_001])
def test_the_number_of_shares_has_limits(parts: int) -> None:
    with pytest.raises(ValueError, match="shares"):
        Money(1, "CNY").split(parts)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (38_000, "CNY", "380.00 CNY"),
        (38_000, "JPY", "38000 JPY"),
        (-5, "EUR", "-0.05 EUR"),
        (1_234, "KWD", "1.234 KWD"),
        (12_345, "CLF", "1.2345 CLF"),
        (0, "VND", "0 VND"),
    ],
)
def test_money_reads_in_major_units(minor: int, currency: str, text: str) -> None:
    assert Money(minor, currency).text() == text


def test_exponents_follow_iso_4217() -> None:
    by_exponent = {n: sorted(c for c, e in EXPONENTS.items() if e == n) for n in (0, 3, 4)}

    assert " ".join(by_exponent[0]) == (
        "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
    )
    assert " ".join(by_exponent[3]) == "BHD IQD JOD KWD LYD OMR TND"
    assert by_exponent[4] == ["CLF", "UYW"]
    assert set(EXPONENTS.values()) == {0, 2, 3, 4}
    assert all(len(code) == 3 and code.isupper() and code.isascii() for code in EXPONENTS)


@pytest.mark.parametrize("value", ["0", "1", "-0", str(VALUE_MAX)])
def test_a_whole_amount_is_read(value: str) -> None:
    assert decoded(value).money() == Money(int(value), "CNY")


@pytest.mark.parametrize(
    "value",
    ['"12"', "12.0", "true", "1e3", "1E0", "-1", "null", "[]", str(VALUE_MAX + 1), "1" * 30],
)
def test_anything_but_a_whole_amount_is_refused(value: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded(value)


@pytest.mark.parametrize("currency", ['"XXX"', '"cny"', '"CNY\\n"', '""', "156", "null"])
def test_an_unknown_currency_is_refused_on_the_wire(currency: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        decoded("1", currency)


def test_an_amount_with_another_field_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"value": 1, "currency": "CNY", "unit": 1}', type=Amount)


def test_the_schema_of_an_amount_lists_the_currencies() -> None:
    _, components = msgspec.json.schema_components([Amount])

    assert components["Amount"]["properties"]["currency"]["enum"] == sorted(EXPONENTS)


@given(st.integers(0, VALUE_MAX), st.sampled_from(sorted(EXPONENTS)))
def test_an_amount_survives_the_wire(minor: int, currency: str) -> None:
    money = Money(minor, currency)

    sent = msgspec.json.encode(Amount.of(money))

    assert msgspec.json.decode(sent, type=Amount).money() == money


@pytest.mark.parametrize("minor", [-1, VALUE_MAX + 1])
def test_what_is_no_amount_is_not_sent(minor: int) -> None:
    with pytest.raises(ValueError, match="on the wire"):
        Amount.of(Money(minor, "CNY"))
