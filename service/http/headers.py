"""Reads what a request's headers say, strictly. Never trusts a header that was sent twice."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from service.http.problems import (
    CONTENT_TYPE_UNSUPPORTED,
    HEADER_INVALID,
    IDEMPOTENCY_KEY_MALFORMED,
    IDEMPOTENCY_KEY_MISSING,
    Language,
)
from service.kernel.errors import FieldError, Refusal

JSON_TYPE: Final = "application/json"
DEADLINE_HEADER: Final = "Payguard-Deadline-Ms"
IDEMPOTENCY_HEADER: Final = "Idempotency-Key"
IDEMPOTENCY_KEY_MIN: Final = 16
IDEMPOTENCY_KEY_MAX: Final = 255

Environ = Mapping[str, Any]

# Servers join a header that was sent twice with a comma, and none of these holds one itself.
_ONCE: Final = {
    "HTTP_AUTHORIZATION": "Authorization",
    "CONTENT_TYPE": "Content-Type",
    "CONTENT_LENGTH": "Content-Length",
    "HTTP_PAYGUARD_DEADLINE_MS": DEADLINE_HEADER,
}
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/=-]{1,512})", re.IGNORECASE)
_JSON: Final = re.compile(r'application/json(?:\s*;\s*charset="?utf-8"?)?\s*', re.IGNORECASE)
_KEY: Final = r"[!#-+\--\[\]-~]{16,255}"  # visible ASCII without comma, quote and backslash
_IDEMPOTENCY_KEY: Final = re.compile(rf'({_KEY})|"({_KEY})"')
_MILLISECONDS: Final = re.compile(r"[1-9][0-9]{0,6}")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})(-.*)?"
)
_SAMPLED: Final = 1
_ENGLISH: Final[Language] = "en"
_CHINESE: Final[Language] = "zh-CN"
_QUALITY: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)
_LANGUAGES_MAX: Final = 20


def refuse_duplicates(environ: Environ) -> None:
    """Refuse a request in which a header that decides something was sent twice.

    Raises:
        Refusal: HEADER_INVALID, naming each.
    """
    twice = [name for key, name in _ONCE.items() if "," in environ.get(key, "")]
    if twice:
        raise Refusal(
            HEADER_INVALID,
            errors=tuple(FieldError(f"header:{name}", "duplicate_header") for name in twice),
        )


def bearer_secret(environ: Environ) -> str | None:
    """Return the secret of `Authorization: Bearer`, or None for anything else."""
    found = _BEARER.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else None


def check_content_type(environ: Environ) -> None:
    """Refuse a body that is not plain JSON in UTF-8.

    Raises:
        Refusal: CONTENT_TYPE_UNSUPPORTED.
    """
    sent = environ.get("CONTENT_TYPE", "")
    is_plain = sent == JSON_TYPE or _JSON.fullmatch(sent)
    if not is_plain or environ.get("HTTP_CONTENT_ENCODING"):
        raise Refusal(CONTENT_TYPE_UNSUPPORTED)


def content_length(environ: Environ) -> int | None:
    """Return the announced length of the body, or None where none was announced.

    Raises:
        Refusal: HEADER_INVALID.
    """
    sent = environ.get("CONTENT_LENGTH") or ""
    if not sent:
        return None
    if not _LENGTH.fullmatch(sent):
        raise _malformed("Content-Length")
    return int(sent)


def deadline_ms(environ: Environ, *, longest: int) -> int:
    """Return how many milliseconds the caller will wait, `longest` at most.

    Raises:
        Refusal: HEADER_INVALID.
    """
    sent = environ.get("HTTP_PAYGUARD_DEADLINE_MS")
    if sent is None:
        return longest
    if not _MILLISECONDS.fullmatch(sent):
        raise _malformed(DEADLINE_HEADER)
    return min(int(sent), longest)


def idempotency_key(environ: Environ) -> str:
    """Return the caller's idempotency key, whether it came bare or as a quoted string.

    Raises:
        Refusal: IDEMPOTENCY_KEY_MISSING or IDEMPOTENCY_KEY_MALFORMED.
    """
    sent = environ.get("HTTP_IDEMPOTENCY_KEY")
    if not sent:
        raise Refusal(IDEMPOTENCY_KEY_MISSING)
    found = _IDEMPOTENCY_KEY.fullmatch(sent.strip(" "))
    if not found:
        raise Refusal(IDEMPOTENCY_KEY_MALFORMED)
    return str(found[1] or found[2])


def traceparent(environ: Environ, *, entropy: Callable[[int], bytes]) -> str:
    """Return this request's traceparent: of the caller's trace if it sent one, else of a new."""
    found = _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", ""))
    if not found:
        drawn = entropy(24).hex()
        return f"00-{drawn[:32]}-{drawn[32:]}-00"
    flags = int(found[2], 16) & _SAMPLED
    return f"00-{found[1]}-{entropy(8).hex()}-{flags:02x}"


def origin(environ: Environ, *, trusted_hops: int) -> str:
    """Return the address that the request came from.

    Only what our own proxies wrote into X-Forwarded-For counts: each adds one address at the
    right end, so the outermost of ours wrote the one `trusted_hops` from there.
    """
    peer = str(environ.get("REMOTE_ADDR", ""))
    if trusted_hops == 0:
        return peer
    hops = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if len(hops) < trusted_hops:
        return peer
    try:
        return str(ipaddress.ip_address(hops[-trusted_hops].strip()))
    except ValueError:
        return peer


def language(environ: Environ) -> Language:
    """Return the language that Accept-Language prefers of those we speak; English if neither."""
    sent = environ.get("HTTP_ACCEPT_LANGUAGE")
    if not sent or sent == _ENGLISH:
        return _ENGLISH
    wanted: list[tuple[Language, float]] = []
    for item in sent.split(",")[:_LANGUAGES_MAX]:
        tag, _, parameter = item.strip().partition(";")
        spoken = _spoken(tag.strip().lower())
        quality = _quality(parameter.strip())
        if spoken is not None and quality > 0:  # q=0 means "not this one"
            wanted.append((spoken, quality))
    # Of equals the first listed wins; English is what is left.
    return max([*wanted, (_ENGLISH, 0.0)], key=lambda one: one[1])[0]


def _spoken(tag: str) -> Language | None:
    first = tag.partition("-")[0]
    if first == "zh":
        return _CHINESE
    return _ENGLISH if first in {"en", "*"} else None


def _quality(parameter: str) -> float:
    if not parameter:
        return 1.0
    found = _QUALITY.fullmatch(parameter)
    return float(found[1]) if found else 0.0


def _malformed(name: str) -> Refusal:
    return Refusal(HEADER_INVALID, errors=(FieldError(f"header:{name}", "bad_format"),))
