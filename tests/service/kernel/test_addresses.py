"""No form of an internal address passes; what is public and plainly written does."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.kernel.addresses import (
    ADDRESSES_MAX,
    URL_LENGTH_MAX,
    AddressRefused,
    Target,
    check_addresses,
    is_public,
    read_url,
)
from tests.support.addresses import INTERNAL_ADDRESSES, INTERNAL_URLS

PUBLIC = (
    *("1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0"),
    *("192.167.255.255", "169.253.255.255", "198.17.255.255", "198.20.0.0", "223.255.255.255"),
    *("2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "64:ff9b::8.8.8.8"),
    "2a00:1450:4001:81b:0:5efe:8.8.8.8",
)


@pytest.mark.parametrize("url", INTERNAL_URLS)
def test_a_url_that_leads_inside_is_refused_before_anything_is_resolved(url: str) -> None:
    with pytest.raises(AddressRefused):
        read_url(url, is_internal=False)


@pytest.mark.parametrize("address", INTERNAL_ADDRESSES)
def test_an_internal_address_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_addresses([address], is_internal=False)


@pytest.mark.parametrize("address", INTERNAL_ADDRESSES)
def test_one_internal_address_among_public_ones_refuses_all(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_addresses(["1.1.1.1", address, "8.8.8.8"], is_internal=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_allowed(address: str) -> None:
    check_addresses([address], is_internal=False)


@given(st.ip_addresses(v=4))
def test_what_the_standard_library_calls_private_is_never_public(
    address: ipaddress.IPv4Address,
) -> None:
    assert not (is_public(address) and (not address.is_global or address.is_multicast))


@given(st.ip_addresses(v=6))
def test_and_the_same_of_the_longer_addresses(address: ipaddress.IPv6Address) -> None:
    is_nat64 = address in ipaddress.ip_network("64:ff9b::/96")

    assert not is_public(address) or address.is_global or is_nat64


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_judged_as_itself(address: ipaddress.IPv4Address) -> None:
    value = int(address)
    nat64 = ipaddress.IPv6Address((0x64_FF9B << 96) | value)
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | value)

    assert is_public(nat64) == is_public(address)
    assert not is_public(mapped)
    assert not is_public(ipaddress.IPv6Address(value))
    assert not is_public(ipaddress.IPv6Address((0x2002 << 112) | (value << 80)))


@pytest.mark.parametrize("count", [0, ADDRESSES_MAX + 1])
def test_no_address_and_too_many_are_refused(count: int) -> None:
    with pytest.raises(AddressRefused):
        check_addresses(["1.1.1.1"] * count, is_internal=False)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://shop.example", Target(True, "shop.example", 443, "/")),
        ("https://Shop.Example:443/a?b=c", Target(True, "shop.example", 443, "/a?b=c")),
        ("https://shop.example:8443/%7Ea/", Target(True, "shop.example", 8443, "/%7Ea/")),
        ("https://xn--bcher-kva.example?x", Target(True, "xn--bcher-kva.example", 443, "/?x")),
        ("https://8.8.8.8/", Target(True, "8.8.8.8", 443, "/")),
        ("https://[2606:4700:4700:0::1111]/", Target(True, "2606:4700:4700::1111", 443, "/")),
    ],
)
def test_what_is_plainly_written_is_read(url: str, target: Target) -> None:
    assert read_url(url, is_internal=False) == target


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://shop.example:443/", "shop.example"),
        ("https://shop.example:8443/", "shop.example:8443"),
        ("https://[2606:4700:4700::1111]:8443/", "[2606:4700:4700::1111]:8443"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_usual_one(url: str, authority: str) -> None:
    assert read_url(url, is_internal=False).authority == authority


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:8000/hook", "http://localhost:8000/", "http://[::1]:8000/"),
        *("http://receiver/", "https://10.0.0.1:99/", "http://[fd12::1]/", "http://192.168.0.2/"),
    ],
)
def test_development_may_deliver_to_its_own_network(url: str) -> None:
    read_url(url, is_internal=True)


@pytest.mark.parametrize(
    "url",
    [
        *("http://169.254.169.254/", "http://0.0.0.0/", "http://[fd00:ec2::254]/"),
        *("http://224.0.0.1/", "http://[fe80::1]/", "http://[::ffff:127.0.0.1]/"),
        *("http://100.100.100.200/", "http://2130706433/", "http://127.1/", "http://0x7f.0.0.1/"),
        *("ftp://localhost/", "http://a@localhost/", "http://localhost/#x", "http://localhost:0/"),
    ],
)
def test_but_not_to_credentials_of_the_machine_or_by_other_spellings(url: str) -> None:
    with pytest.raises(AddressRefused):
        read_url(url, is_internal=True)


def test_a_url_has_a_longest_length() -> None:
    url = "https://shop.example/"
    read_url(url.ljust(URL_LENGTH_MAX, "a"), is_internal=False)

    with pytest.raises(AddressRefused):
        read_url(url.ljust(URL_LENGTH_MAX + 1, "a"), is_internal=False)


def test_a_refusal_names_the_part_and_never_its_value() -> None:
    with pytest.raises(AddressRefused) as refused:
        read_url("https://secret.internal/", is_internal=False)

    assert (refused.value.fault, str(refused.value)) == ("host", "host")
