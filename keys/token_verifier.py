"""The gate before the token library: one spelling, one algorithm a key. Never reads a claim."""

import base64
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from keys.hazmat.jws import Unusable
from keys.token_keys import PRODUCTION_ALGORITHMS, VerifyingKey

# A payment token has about 1,000 characters; the longest claims that are legal fit as well.
TOKEN_CHARS_MAX: Final = 5_120

_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]+)")


class NotVerified(Exception):  # noqa: N818  it is the noun of the trade
    """A token is not one of ours. To the outside all reasons look alike.

    Attributes:
        reason: Short code for the log; never anything that the token holds. One of form,
            base64, header_json, header_members, typ, key, algorithm, signature, payload_json,
            claims, issuer, audience, times.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("the token is not verified")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """What one kind of token looks like.

    Attributes:
        typ: The exact `typ` of the header, one per purpose; None: the header has none.
        algorithms: Those that may be used; production has ES256 alone.
    """

    typ: str | None
    algorithms: Collection[str] = PRODUCTION_ALGORITHMS


def open_token(text: str, *, keys: Mapping[str, VerifyingKey], rules: TokenRules) -> bytes:
    """Return the payload of a compact JWS that one of the keys signed.

    The library behind it takes one token in several spellings, headers with members nobody
    asked for, and any `typ`; this does not. No key is ever fetched or taken from the token.

    Raises:
        NotVerified: Anything is wrong.
    """
    parts = _COMPACT.fullmatch(text) if len(text) <= TOKEN_CHARS_MAX else None
    if parts is None:
        raise NotVerified("form")
    header, payload, _ = (_decoded(part) for part in parts.groups())
    key = _key(_members(header), keys, rules)
    try:
        verified = key.verify(text)
    except Unusable:
        raise NotVerified("signature") from None
    # The library must have checked the bytes that we have read.
    if verified != payload:
        raise NotVerified("signature")
    return payload


def strict_object(text: bytes, reason: str) -> dict[str, Any]:
    """Return the JSON object in a token's part.

    Raises:
        NotVerified: With the reason given: not UTF-8, not an object, a member twice, a number
            with a fraction or exponent, NaN, Infinity, an integer of over 16 characters, a
            lone surrogate, or nested too deeply.
    """
    try:
        decoded = text.decode()
        value = json.loads(
            decoded,
            object_pairs_hook=_no_duplicates,
            parse_float=_no_number,
            parse_int=_short_integer,
            parse_constant=_no_number,
        )
        # Only an escape can bring in half a surrogate pair, and msgspec fails on it in its own way.
        if "\\u" in decoded:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise NotVerified(reason) from None
    if type(value) is not dict:
        raise NotVerified(reason)
    return value


def _decoded(part: str) -> bytes:
    padded = part + "=" * (-len(part) % 4)
    try:
        decoded = base64.urlsafe_b64decode(padded)
    except ValueError:
        raise NotVerified("base64") from None
    # The last character may carry bits that decoding drops: one token, several spellings.
    if base64.urlsafe_b64encode(decoded).decode() != padded:
        raise NotVerified("base64")
    return decoded


def _members(header: bytes) -> dict[str, str]:
    members = strict_object(header, "header_json")
    if not all(type(value) is str for value in members.values()):
        raise NotVerified("header_members")
    return members


def _key(
    header: dict[str, str], keys: Mapping[str, VerifyingKey], rules: TokenRules
) -> VerifyingKey:
    wanted = {"alg", "kid"} if rules.typ is None else {"alg", "kid", "typ"}
    if header.keys() != wanted:
        raise NotVerified("header_members")
    if header.get("typ") != rules.typ:
        raise NotVerified("typ")
    key = keys.get(header["kid"])
    if key is None:
        raise NotVerified("key")
    if header["alg"] != key.algorithm or key.algorithm not in rules.algorithms:
        raise NotVerified("algorithm")
    return key


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice")
    return members


# 2**53 has 16 digits, and Python takes long ones in quadratic time.
_INTEGER_CHARS_MAX: Final = 16


def _short_integer(text: str) -> int:
    if len(text) > _INTEGER_CHARS_MAX or text == "-0":
        raise ValueError("an integer is too long, or a negative zero")
    return int(text)


def _no_number(_: str) -> Any:
    raise ValueError("a token holds no such number")
