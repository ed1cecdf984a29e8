import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.pseudonyms import Kind, ip_pseudonyms, network_pseudonym, pseudonym

KEY = bytes(range(32))
TENANT = "ten_1"


def stand_in(kind: Kind, value: str, key: bytes = KEY, tenant: str = TENANT) -> str:
    return pseudonym(key, kind, value, tenant_id=tenant)


EXAMPLES = [
    (Kind.EMAIL, "lin@example.com"),
    (Kind.PHONE, "+8613800138000"),
    (Kind.DEVICE, "d_5"),
    (Kind.IP, "203.0.113.9"),
]


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_a_pseudonym_names_its_kind_and_hides_its_value(kind: Kind, value: str) -> None:
    text = stand_in(kind, value)

    assert re.fullmatch(rf"{kind.value}_[0-9a-f]{{32}}", text)
    assert value not in text


@pytest.mark.parametrize(("kind", "value"), EXAMPLES)
def test_another_tenant_or_key_gets_another_pseudonym(kind: Kind, value: str) -> None:
    texts = {
        stand_in(kind, value),
        stand_in(kind, value, tenant="ten_2"),
        stand_in(kind, value, key=bytes(32)),
    }

    assert len(texts) == 3


def test_one_text_as_two_kinds_gets_two_pseudonyms() -> None:
    assert stand_in(Kind.DEVICE, "12345678")[3:] != stand_in(Kind.PHONE, "12345678")[3:]


@pytest.mark.parametrize(
    ("kind", "spelling", "value"),
    [
        (Kind.EMAIL, "  Lin@Example.COM\n", "lin@example.com"),
        (Kind.EMAIL, "\uff4c\uff49\uff4e@example.com", "lin@example.com"),
        (Kind.PHONE, "+86 138-0013 8000", "+8613800138000"),
        (Kind.PHONE, "+86 (138) 0013.8000", "+8613800138000"),
        (Kind.PHONE, "\uff0b\uff18\uff1613800138000", "+8613800138000"),
        (Kind.IP, "::ffff:203.0.113.9", "203.0.113.9"),
        (Kind.IP, "2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
    ],
)
def test_spellings_of_one_value_get_one_pseudonym(kind: Kind, spelling: str, value: str) -> None:
    assert stand_in(kind, spelling) == stand_in(kind, value)


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Kind.EMAIL, "a@b.example", "b@a.example"),
        (Kind.PHONE, "+8613800138000", "8613800138000"),
        (Kind.DEVICE, "d_5", "D_5"),
        (Kind.IP, "203.0.113.9", "203.0.113.10"),
    ],
)
def test_two_values_get_two_pseudonyms(kind: Kind, one: str, other: str) -> None:
    assert stand_in(kind, one) != stand_in(kind, other)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.EMAIL, "no-at-sign"),
        (Kind.EMAIL, "two@at@signs"),
        (Kind.EMAIL, "@example.com"),
        (Kind.EMAIL, "lin@"),
        (Kind.EMAIL, "lin smith@example.com"),
        (Kind.EMAIL, "lin@example.com" + "m" * 320),
        (Kind.EMAIL, "\ud800@example.com"),
        (Kind.PHONE, "123"),
        (Kind.PHONE, "1234567890123456"),
        (Kind.PHONE, "+86 138 CALL ME"),
        (Kind.PHONE, "86+13800138000"),
        (Kind.PHONE, "1380013800\u0660"),
        (Kind.PHONE, "1" * 65),
        (Kind.PHONE, "\ud800" * 8),
        (Kind.DEVICE, ""),
        (Kind.DEVICE, "d\n"),
        (Kind.DEVICE, "d" * 65),
        (Kind.DEVICE, "dé"),
        (Kind.IP, "203.0.113.256"),
        (Kind.IP, "203.0.113.09"),
        (Kind.IP, "203.0.113.0/24"),
        (Kind.IP, "fe80::1%eth0"),
        (Kind.IP, "\uff12\uff10\uff13.0.113.9"),
        (Kind.IP, " 203.0.113.9"),
        (Kind.IP, ""),
        (Kind.IP, "1" * 4_000),
        (Kind.IP, "\ud800"),
    ],
)
def test_what_is_none_of_its_kind_is_refused_and_not_repeated(kind: Kind, value: str) -> None:
    with pytest.raises(ValueError, match=r"^(this is no|a device's id is)") as refused:
        stand_in(kind, value)

    assert not isinstance(refused.value, UnicodeError)
    assert len(value) < 4 or value not in str(refused.value)


@given(st.sampled_from(Kind), st.text(max_size=80) | st.from_regex(r"\A\S{1,9}@\S{1,9}\Z"))
def test_any_text_gets_a_pseudonym_or_one_sentence(kind: Kind, value: str) -> None:
    try:
        text = stand_in(kind, value)
    except ValueError as refused:
        assert not isinstance(refused, UnicodeError)  # noqa: PT017  both ends are right
    else:
        assert text == stand_in(kind, value)


@given(st.ip_addresses(v=4))
def test_the_networks_of_an_ipv4_address_are_those_of_its_neighbours(address) -> None:
    number = int(address)
    own = ip_pseudonyms(KEY, str(address), tenant_id=TENANT)
    within_24 = ip_pseudonyms(KEY, str(type(address)(number ^ 1)), tenant_id=TENANT)
    within_16 = ip_pseudonyms(KEY, str(type(address)(number ^ 1 << 8)), tenant_id=TENANT)
    within_8 = ip_pseudonyms(KEY, str(type(address)(number ^ 1 << 16)), tenant_id=TENANT)

    assert [a == b for a, b in zip(own, within_24, strict=True)] == [True, True, True, False]
    assert [a == b for a, b in zip(own, within_16, strict=True)] == [True, True, False, False]
    assert [a == b for a, b in zip(own, within_8, strict=True)] == [True, False, False, False]


def test_the_networks_of_an_ipv6_address_are_32_48_64_and_itself() -> None:
    own = ip_pseudonyms(KEY, "2001:db8:1:2::1", tenant_id=TENANT)
    within_64 = ip_pseudonyms(KEY, "2001:db8:1:2::2", tenant_id=TENANT)
    within_48 = ip_pseudonyms(KEY, "2001:db8:1:3::1", tenant_id=TENANT)
    within_32 = ip_pseudonyms(KEY, "2001:db8:2:2::1", tenant_id=TENANT)

    assert len(set(own)) == 4
    assert (own[:3], own[:2], own[:1]) == (within_64[:3], within_48[:2], within_32[:1])
    assert not {own[3], own[2], own[1]} & {within_64[3], within_48[2], within_32[1]}


def test_the_last_network_is_the_address_itself() -> None:
    networks = ip_pseudonyms(KEY, "203.0.113.9", tenant_id=TENANT)

    assert networks[-1] == stand_in(Kind.IP, "203.0.113.9")


def test_a_pseudonym_of_nobody_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="tenant"):
        stand_in(Kind.DEVICE, "d_5", tenant="")


@pytest.mark.parametrize(
    ("network", "address", "place", "length"),
    [
        ("203.0.0.0/8", "203.0.113.9", 0, 8),
        ("203.0.0.0/16", "203.0.113.9", 1, 16),
        ("203.0.113.0/24", "203.0.113.9", 2, 24),
        ("203.0.113.9/32", "203.0.113.9", 3, 32),
        ("203.0.113.9", "::ffff:203.0.113.9", 3, 32),
        ("::ffff:203.0.113.9", "203.0.113.9", 3, 32),
        ("2001:db8::/32", "2001:db8:1:2::9", 0, 32),
        ("2001:db8:1::/48", "2001:db8:1:2::9", 1, 48),
        ("2001:db8:1:2::/64", "2001:db8:1:2::9", 2, 64),
        ("2001:db8:1:2::9/128", "2001:db8:1:2::9", 3, 128),
    ],
)
def test_a_networks_pseudonym_is_one_of_its_addresses(
    network: str, address: str, place: int, length: int
) -> None:
    found = network_pseudonym(KEY, network, tenant_id="ten_1")

    assert found == (ip_pseudonyms(KEY, address, tenant_id="ten_1")[place], length)


@pytest.mark.parametrize(
    "network",
    [
        *("203.0.113.9/24", "203.0.113.0/23", "203.0.113.0/", "203.0.113.0/024", "203.0.113.0/ 24"),
        *("203.0.113.0/24/8", "/24", "203.0.113.0/-8", "203.0.113.0/255.255.255.0", "nowhere/8"),
        *("::ffff:203.0.113.0/120", "::ffff:203.0.113.0/24", "2001:db8::/16", "2001:db8::1/64"),
        *("203.0.113.0/\u0662\u0664", "fe80::%eth0/64"),
    ],
)
def test_what_is_no_network_is_refused_and_not_repeated(network: str) -> None:
    with pytest.raises(ValueError, match=r".+") as caught:
        network_pseudonym(KEY, network, tenant_id="ten_1")

    assert "203" not in str(caught.value)
