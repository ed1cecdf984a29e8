"""Stand-ins for e-mails, phones, devices and IPs: keyed, tenant-bound. Never reversible."""

import enum
import ipaddress
import re
import unicodedata
from typing import Final, TypeAlias

from keys import blind_index

PSEUDONYM_BYTES: Final = 16

# RFC 5321 section 4.5.3.1: 64 for the local part, 255 for the domain, and the @.
EMAIL_CHARS_MAX: Final = 320
PHONE_CHARS_MAX: Final = 64
IP_CHARS_MAX: Final = 45

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_PHONE_LAYOUT: Final = re.compile(r"[\s().\-/]")
# ITU-T E.164 has at most 15 digits; the shortest national numbers in use have 4.
_PHONE: Final = re.compile(r"\+?[0-9]{4,15}")
_DEVICE: Final = re.compile(r"[ -~]{1,64}")

# Widest first, so that lists of these lengths match without the address.
_IPV4_LENGTHS: Final = (8, 16, 24, 32)
_IPV6_LENGTHS: Final = (32, 48, 64, 128)


class Kind(enum.StrEnum):
    """What a pseudonym stands for. The words are part of the hash and never renamed."""

    EMAIL = "em"
    PHONE = "ph"
    DEVICE = "dv"
    IP = "ip"


# Asking a member of an enumeration for its value costs as much as a hash.
_WORDS: Final = {kind: kind.value for kind in Kind}


def pseudonym(key: bytes, kind: Kind, value: str, *, tenant_id: str) -> str:
    """Return the stand-in for a value: its kind, an underscore and 32 hexadecimal digits.

    Spellings of one value get one pseudonym: an e-mail is taken in lower case and NFKC, a phone
    without its layout, an IP in its shortest form (an IPv4 address inside IPv6 as itself), a
    device as it is. Another tenant or key gets others.

    Args:
        key: The PSEUDONYM key.
        kind: What the value is.
        value: As the merchant sent it.
        tenant_id: Whose pseudonyms these are.

    Raises:
        ValueError: The value is none of its kind; the sentence never repeats it.
    """
    kind = Kind(kind)
    if kind is Kind.IP:
        return ip_pseudonyms(key, value, tenant_id=tenant_id)[-1]
    plain = _NORMAL_FORMS[kind](value)
    return _hashed(key, kind, plain, tenant_id)


def ip_pseudonyms(key: bytes, value: str, *, tenant_id: str) -> tuple[str, str, str, str]:
    """Return the pseudonyms of an IP's networks, widest first, the whole address last.

    IPv4: /8, /16, /24, whole. IPv6: /32, /48, /64, whole.

    Raises:
        ValueError: The value is no IP address; the sentence never repeats it.
    """
    address = _address(value)
    lengths = _IPV4_LENGTHS if address.version == 4 else _IPV6_LENGTHS  # noqa: PLR2004  the name
    bits, number = address.max_prefixlen, int(address)
    # The network's number and length say what ip_network would, in a tenth of its time.
    version = address.version
    widest, wide, narrow, whole = [
        _hashed(key, Kind.IP, f"{version}:{number >> bits - length:x}/{length}", tenant_id)
        for length in lengths
    ]
    return widest, wide, narrow, whole


def network_pseudonym(key: bytes, value: str, *, tenant_id: str) -> tuple[str, int]:
    """Return the pseudonym of an address, or of a network `address/length`, and its length.

    Raises:
        ValueError: The value is neither, its length is none that `ip_pseudonyms` gives, or the
            address has bits behind it; the sentence never repeats it.
    """
    text, slash, digits = value.partition("/")
    address = _address(text)
    lengths = _IPV4_LENGTHS if address.version == 4 else _IPV6_LENGTHS  # noqa: PLR2004  the name
    length = lengths[-1]
    if slash:
        # The length of an IPv4 network inside IPv6 could be read in two ways.
        is_mapped = ":" in text and lengths is _IPV4_LENGTHS
        known = {} if is_mapped else {str(one): one for one in lengths}
        if digits not in known:
            raise ValueError("a network has /8, /16, /24 or /32; of IPv6 /32, /48, /64 or /128")
        length = known[digits]
    if int(address) & ((1 << address.max_prefixlen - length) - 1):
        raise ValueError("the address has bits behind the network's length")
    found = ip_pseudonyms(key, text, tenant_id=tenant_id)
    return found[lengths.index(length)], length


def _hashed(key: bytes, kind: Kind, plain: str, tenant_id: str) -> str:
    if not tenant_id:
        raise ValueError("a pseudonym belongs to a tenant")
    word = _WORDS[kind]
    parts = (b"pseudonym", tenant_id.encode(), word.encode(), plain.encode())
    short = blind_index.keyed_hash(key, *parts)[:PSEUDONYM_BYTES]
    return f"{word}_{short.hex()}"


def _email(value: str) -> str:
    if len(value) > EMAIL_CHARS_MAX:
        raise ValueError("this is no e-mail address: it is too long")
    # Twice: lower case may leave letters that have a shorter normal form.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).strip().lower())
    if _EMAIL.fullmatch(folded) is None or not _encodes(folded):
        raise ValueError("this is no e-mail address: one @ with text before and after it")
    return folded


def _phone(value: str) -> str:
    if len(value) > PHONE_CHARS_MAX:
        raise ValueError("this is no phone number: it is too long")
    # NFKC turns full-width digits and the full-width plus into ASCII.
    digits = _PHONE_LAYOUT.sub("", unicodedata.normalize("NFKC", value))
    if _PHONE.fullmatch(digits) is None:
        raise ValueError("this is no phone number: 4 to 15 digits, with a + before them or not")
    return digits


def _device(value: str) -> str:
    if _DEVICE.fullmatch(value) is None:
        raise ValueError("a device's id is 1 to 64 printable ASCII characters")
    return value


def _address(value: str) -> _Address:
    # A scope such as %eth0 names an interface of the sender's machine.
    if len(value) > IP_CHARS_MAX or not value.isascii() or "%" in value:
        raise ValueError("this is no IP address")
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("this is no IP address") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


_NORMAL_FORMS: Final = {Kind.EMAIL: _email, Kind.PHONE: _phone, Kind.DEVICE: _device}
