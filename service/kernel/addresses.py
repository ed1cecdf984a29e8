"""Which URLs and addresses deliveries may go to. Pure: resolves nothing, connects nowhere.

A merchant chooses the URL and we send to it from inside our network, so whatever a URL can be made
to mean is decided here (CWE-918). Names are read strictly, and every address that a name resolves
to must be allowed: who mixes one internal address into an answer is refused whole.
"""

import ipaddress
import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

URL_LENGTH_MAX: Final = 2_048
HOST_LENGTH_MAX: Final = 253
ADDRESSES_MAX: Final = 32
HTTPS_PORT: Final = 443
# Below it lie the ports of mail, shells and directories.
PORT_MIN: Final = 1_024
PORT_MAX: Final = 65_535

# ASCII only, so no digit, dot or letter of another script can be folded into these; no user, no
# fragment, no backslash, no blank, and no escape in the host.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?:\[(?P<literal>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9.-]{1,253}))"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})*)?"
    r"(?P<query>\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*)?"
)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: `127.1`, `0x7f.1`, `2130706433` and `017700000001` are
# addresses to the C library, and so are none of them here. A trailing dot leaves it empty.
_LAST: Final = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])"
_NAME: Final = re.compile(rf"(?:{_LABEL}\.)+{_LAST}")
_INTERNAL_NAME: Final = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_DOTTED: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
# Names that only mean something inside a network (RFC 6761, 6762, 7686, 8375; ICANN's list of
# what is never delegated).
_INSIDE: Final = (
    *("localhost", "localdomain", "local", "internal", "intranet", "private", "lan", "home"),
    *("corp", "home.arpa", "onion", "alt"),
)


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# IANA's registries of special-purpose addresses, and what clouds answer at in public space.
_SPECIAL_4: Final = _networks(
    "0.0.0.0/8",  # this network; 0.0.0.0 connects to the host itself
    "10.0.0.0/8",
    "100.64.0.0/10",  # between a carrier and its customers; some clouds' services
    "127.0.0.0/8",
    "168.63.129.16/32",  # a cloud's own channel to its machines
    "169.254.0.0/16",  # link-local; metadata of most clouds
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",  # relays of 6to4
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
# What was given out to networks; all else (loopback, mapped, compatible, ULA, site-local,
# link-local, multicast, discard, local NAT64) is none of ours.
_GLOBAL_6: Final = ipaddress.IPv6Network("2000::/3")
_SPECIAL_6: Final = _networks(
    "2001::/23",  # Teredo, ORCHID, benchmarks and other protocols
    "2001:db8::/32",
    "2002::/16",  # 6to4
    "2620:4f:8000::/48",
    "3fff::/20",
)
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_BITS: Final = 0xFFFF_FFFF
# Interface ids that hold an IPv4 address to tunnel to (ISATAP, RFC 5214).
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})
# What a developer's own machine and containers use.
_INTERNAL: Final = _networks(
    *("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
# Not even then: credentials of the machine.
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in ("fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42")
)


Fault = Literal["url", "scheme", "host", "port", "address"]


class AddressRefused(Exception):  # noqa: N818  says what was found
    """A URL, or an address its host has, is not for deliveries.

    Attributes:
        fault: The part that is refused; never its value.
    """

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault)
        self.fault: Fault = fault


class Target(NamedTuple):
    """A URL that was read.

    Attributes:
        is_secure: TLS, with the certificate of the host.
        host: A name in lower case, or an address in its usual form, without brackets.
        port: 1 to 65,535.
        path: Path and query, from the first slash.
    """

    is_secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = HTTPS_PORT if self.is_secure else 80
        return host if self.port == usual else f"{host}:{self.port}"


def read_url(url: str, *, is_internal: bool) -> Target:
    """Return what a receiver's URL says.

    Args:
        url: As the merchant gave it.
        is_internal: Development: plain HTTP, any port, names without a dot and addresses of the
            own machine and network are allowed as well.

    Raises:
        AddressRefused: It is not an absolute http(s) URL in the one form taken here, or says what
            is not allowed.
    """
    found = _URL.fullmatch(url) if len(url) <= URL_LENGTH_MAX else None
    if found is None:
        raise AddressRefused("url")
    is_secure = found["scheme"] == "https"
    if not (is_secure or is_internal):
        raise AddressRefused("scheme")
    port = int(found["port"] or (HTTPS_PORT if is_secure else 80))
    if port > PORT_MAX or not (is_internal or port == HTTPS_PORT or port >= PORT_MIN):
        raise AddressRefused("port")
    if found["literal"]:
        host = _literal(found["literal"])
    else:
        host = _host(found["name"], is_internal=is_internal)
    if _is_address(host):
        check_addresses([host], is_internal=is_internal)
    path = (found["path"] or "/") + (found["query"] or "")
    return Target(is_secure=is_secure, host=host, port=port, path=path)


def check_addresses(addresses: Sequence[str], *, is_internal: bool) -> None:
    """Check that each address may be connected to.

    Args:
        addresses: All that a host resolves to, in text.
        is_internal: As for `read_url`.

    Raises:
        AddressRefused: One may not, or there are too many or none.
    """
    if not 1 <= len(addresses) <= ADDRESSES_MAX:
        raise AddressRefused("address")
    for address in addresses:
        try:
            # A scope (`%eth0`) names an interface of this machine; nothing public has one.
            ip = None if "%" in address else ipaddress.ip_address(address)
        except ValueError:
            ip = None
        if ip is None or not (is_public(ip) or (is_internal and _is_developers(ip))):
            raise AddressRefused("address")


def is_public(ip: IPAddress) -> bool:
    """Say whether an address belongs to the public Internet, and nothing inside it to another."""
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _SPECIAL_4)
    value = int(ip)
    inside = ipaddress.IPv4Address(value & _IPV4_BITS)
    if ip in _NAT64:
        # Networks without IPv4 reach it this way; the gateway would also reach its own network.
        return is_public(inside)
    if ip not in _GLOBAL_6 or any(ip in network for network in _SPECIAL_6):
        return False
    return (value >> 32) & _IPV4_BITS not in _ISATAP or is_public(inside)


def _is_developers(ip: IPAddress) -> bool:
    return ip not in _METADATA and any(ip in network for network in _INTERNAL)


def _literal(text: str) -> str:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise AddressRefused("host") from None


def _host(text: str, *, is_internal: bool) -> str:
    name = text.lower()
    if _DOTTED.fullmatch(name):
        try:
            # Refuses numbers over 255 and leading zeros, which the C library reads as octal.
            return str(ipaddress.IPv4Address(name))
        except ValueError:
            raise AddressRefused("host") from None
    if is_internal and _INTERNAL_NAME.fullmatch(name):
        return name
    is_inside = any(name == one or name.endswith(f".{one}") for one in _INSIDE)
    if not _NAME.fullmatch(name) or is_inside:
        raise AddressRefused("host")
    return name


def _is_address(host: str) -> bool:
    return ":" in host or _DOTTED.fullmatch(host) is not None
