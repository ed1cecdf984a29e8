"""What the door and the rooms' routes are given: every way out of the process, and the limits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from keys.sealing import Sealer
from service.db.statements import Bound, Row
from service.kernel.clock import Clock
from service.unit_of_work.commands import Mode, Submit

BODY_BYTES_MAX: Final = 65_536
DEADLINE_MS: Final = 2_000
RATE_PER_MINUTE: Final = 6_000
BURST: Final = 600


class KeyedHash(Protocol):
    """HMAC-SHA256 over parts, each behind its length; `keys.blind_index.keyed_hash` is one."""

    def __call__(self, key: bytes, *parts: bytes) -> bytes:
        """Return the 32 bytes of the hash."""
        ...


class Reader(Protocol):
    """Reads without the power to write; `service.db.reader.Reader` is one."""

    def fetch(self, read: Bound) -> list[Row]:
        """Return a read's rows."""
        ...

    def maybe(self, read: Bound) -> Row | None:
        """Return the only row of a read, or None where there is none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The key that calls, and what it stands for; comes from the credential alone.

    Attributes:
        key_id: Id of the key.
        tenant_id: Owner of the rows.
        merchant_id: The merchant who calls.
        mode: Live or sandbox.
        scopes: What the key may do.
    """

    key_id: str
    tenant_id: str
    merchant_id: str
    mode: Mode
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request and one key may take.

    Attributes:
        body_bytes: Longest body.
        deadline_ms: How long a request may take; `Payguard-Deadline-Ms` can only shorten it.
        rate_per_minute: Requests a minute of one key in one process, on the average.
        burst: Requests that one key may send at once.
        trusted_hops: Proxies of our own in front, each of which adds one address to
            X-Forwarded-For; 0 ignores that header.
    """

    body_bytes: int = BODY_BYTES_MAX
    deadline_ms: int = DEADLINE_MS
    rate_per_minute: int = RATE_PER_MINUTE
    burst: int = BURST
    trusted_hops: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Every way out of a front end; a route's function gets them and nothing else.

    Attributes:
        submit: The way to the writer.
        reader: The way to the store, read-only.
        authenticate: The principal of a bearer secret, or None; raises nothing for a bad one.
        clock: Wall clock and monotonic clock.
        entropy: Random bytes.
        signer: Signs payment tokens; its type is the payment room's matter.
        sealer: Seals secrets that a front end makes, before they go to the writer.
        keyed_hash: HMAC-SHA256 over parts.
        cursor_key: Key of the signatures of cursors, 32 bytes.
        fingerprint_key: Key of idempotency keys' hashes and requests' fingerprints, 32 bytes.
        pseudonym_key: Key of pseudonyms, 32 bytes.
        limits: What one request and one key may take.
        issuer: Who we are, in tokens.
        version: Of the software.
        reasons: Models mapped for reasons; its type is the assessments' matter. None: no reasons.
    """

    submit: Submit
    reader: Reader
    authenticate: Callable[[str], Principal | None]
    clock: Clock
    entropy: Callable[[int], bytes]
    signer: Any
    sealer: Sealer
    keyed_hash: KeyedHash
    cursor_key: bytes
    fingerprint_key: bytes
    pseudonym_key: bytes
    limits: Limits
    issuer: str
    version: str
    reasons: Any = None
