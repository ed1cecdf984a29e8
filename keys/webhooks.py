"""Standard Webhooks: deliveries signed with HMAC-SHA256 (v1) and Ed25519 (v1a), and verified.

Never shows a secret in a repr, never compares one but in constant time.

Source: https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
"""

import base64
import binascii
import hmac
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NoReturn, TypeAlias

from typing_extensions import override

from keys.entropy import Entropy
from keys.hazmat import ed25519

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  how a secret begins
SEED_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"

SECRET_BYTES: Final = 32
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64
TOLERANCE_S: Final = 300
# Two secrets while one follows the other make four; a fifth lets a scheme follow another. Each
# costs a comparison, so that a header of a thousand is work for nothing.
SIGNATURES_MAX: Final = 5
BODY_BYTES_MAX: Final = 1_048_576
# Ids of one tolerance; beyond it the clock refuses a repeated delivery.
SEEN_MAX: Final = 100_000

HEADER_ID: Final = "webhook-id"
HEADER_TIMESTAMP: Final = "webhook-timestamp"
HEADER_SIGNATURE: Final = "webhook-signature"

Cause: TypeAlias = Literal["headers", "clock", "signature", "repeated"]

# No dot: it would let one delivery's bytes pass for another's under a longer id.
_ID: Final = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_KEY_BYTES: Final = SECRET_BYTES + ed25519.SEED_BYTES


class WebhookKeyRefused(ValueError):  # noqa: N818  it is what happened to the text
    """A text is no key for webhooks. The sentence never repeats it."""


class WebhookRefused(Exception):  # noqa: N818  it is what happened to the delivery
    """A delivery is not to be believed.

    Attributes:
        cause: `headers`: one is missing, doubled or malformed. `clock`: signed too long ago, or in
            the future. `signature`: by none of our keys. `repeated`: its id came before.
    """

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


class SigningKeys:
    """What one endpoint's deliveries are signed with: an HMAC secret and an Ed25519 seed.

    Args:
        packed: SECRET_BYTES of secret and then the seed, as `pack` gives them.

    Raises:
        ValueError: Another length.
    """

    __slots__ = ("_secret", "_seed")

    def __init__(self, packed: bytes) -> None:
        if len(packed) != _KEY_BYTES:
            raise ValueError(f"the keys of an endpoint are {_KEY_BYTES} bytes")
        self._secret = packed[:SECRET_BYTES]
        self._seed = packed[SECRET_BYTES:]

    @classmethod
    def generate(cls, entropy: Entropy) -> "SigningKeys":
        """Return new keys."""
        return cls(entropy(SECRET_BYTES) + entropy(ed25519.SEED_BYTES))

    def pack(self) -> bytes:
        """Return both as bytes, for sealing and nothing else."""
        return self._secret + self._seed

    def reveal(self) -> str:
        """Return the HMAC secret as `whsec_...`, for the one answer that shows it."""
        return SECRET_PREFIX + base64.b64encode(self._secret).decode()

    @property
    def public(self) -> str:
        """The Ed25519 public key as `whpk_...`; it may be shown to anybody."""
        return PUBLIC_PREFIX + base64.b64encode(ed25519.public_of(self._seed)).decode()

    def sign(self, message_id: str, timestamp: int, body: bytes) -> tuple[str, str]:
        """Return the signatures `v1,...` and `v1a,...` over id, time and body.

        Raises:
            ValueError: The id or the time cannot stand in a header.
        """
        data = _signed(message_id, str(timestamp), body)
        return (
            f"v1,{base64.b64encode(hmac.digest(self._secret, data, 'sha256')).decode()}",
            f"v1a,{base64.b64encode(ed25519.sign(self._seed, data)).decode()}",
        )

    @override
    def __repr__(self) -> str:
        return "SigningKeys(not shown)"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("webhook keys are not pickled: they would leave the process")


def headers(
    keys: Sequence[SigningKeys], *, message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """Return the three headers of a delivery, signed with each of the keys.

    Args:
        keys: The newest first; an older one as long as both are in use.
        message_id: The same for each attempt at one message.
        timestamp: Unix seconds of this attempt.
        body: The bytes that are sent.

    Raises:
        ValueError: No key, too many, or an id that cannot stand in a header.
    """
    signatures = [one for key in keys for one in key.sign(message_id, timestamp, body)]
    if not 1 <= len(signatures) <= SIGNATURES_MAX:
        raise ValueError(f"a delivery has 1 to {SIGNATURES_MAX} signatures")
    return {
        HEADER_ID: message_id,
        HEADER_TIMESTAMP: str(timestamp),
        HEADER_SIGNATURE: " ".join(signatures),
    }


class Verifier:
    """Verifies deliveries under `whsec_` secrets and `whpk_` public keys, any one of which will do.

    Args:
        keys: Texts of keys; one without a prefix is an HMAC secret.

    Raises:
        WebhookKeyRefused: There is none, or one is malformed.
    """

    __slots__ = ("_publics", "_secrets")

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise WebhookKeyRefused("no key was given")
        self._publics = [_public(one) for one in keys if one.startswith(PUBLIC_PREFIX)]
        self._secrets = [_secret(one) for one in keys if not one.startswith(PUBLIC_PREFIX)]

    def verify(self, given: Mapping[str, str], body: bytes, *, now_s: int) -> str:
        """Return the id of a delivery that was signed for us just now.

        Args:
            given: The headers, their names in lower case.
            body: The bytes as they came.
            now_s: Unix seconds.

        Raises:
            WebhookRefused: It is not to be believed, and why.
        """
        message_id, timestamp, signatures = _read(given)
        if abs(int(timestamp) - now_s) > TOLERANCE_S:
            raise WebhookRefused("clock")
        data = _signed(message_id, timestamp, body)
        # No early end: which signature fitted is nobody's business.
        if not any([self._fits(one, data) for one in signatures]):  # noqa: C419  all are tried
            raise WebhookRefused("signature")
        return message_id

    def _fits(self, text: str, data: bytes) -> bool:
        version, _, encoded = text.partition(",")
        signature = _decoded(encoded, padded=True)
        if signature is None:
            return False
        if version == "v1":
            tries = [
                hmac.compare_digest(hmac.digest(one, data, "sha256"), signature)
                for one in self._secrets
            ]
        elif version == "v1a" and len(signature) == ed25519.SIGNATURE_BYTES:
            tries = [ed25519.verifies(one, signature, data) for one in self._publics]
        else:
            tries = []
        return any(tries)

    @override
    def __repr__(self) -> str:
        return "Verifier(keys not shown)"


class Receiver:
    """A verifier that remembers: a delivery that comes again within the tolerance is refused.

    A real receiver keeps ids with what it did about them, in one transaction; this one keeps the
    newest SEEN_MAX in memory.
    """

    __slots__ = ("_seen", "_verifier")

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self._seen: OrderedDict[str, None] = OrderedDict()

    def receive(self, given: Mapping[str, str], body: bytes, *, now_s: int) -> str:
        """Return the id of a delivery that is to be believed and is new.

        Raises:
            WebhookRefused: It is not, and why.
        """
        message_id = self._verifier.verify(given, body, now_s=now_s)
        if message_id in self._seen:
            raise WebhookRefused("repeated")
        self._seen[message_id] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return message_id


def seed_of(text: str) -> bytes:
    """Return the Ed25519 seed of a `whsk_` text: the seed, or seed and public key together.

    Raises:
        WebhookKeyRefused: Another form, or halves that do not belong together.
    """
    held = _decoded(text.removeprefix(SEED_PREFIX), padded=False)
    if held is None or not text.startswith(SEED_PREFIX):
        raise WebhookKeyRefused("a signing key is `whsk_` and base64")
    seed, public = held[: ed25519.SEED_BYTES], held[ed25519.SEED_BYTES :]
    if len(seed) != ed25519.SEED_BYTES or public not in {b"", ed25519.public_of(seed)}:
        raise WebhookKeyRefused("a signing key is 32 bytes, or 64 with its public key")
    return seed


def _secret(text: str) -> bytes:
    held = _decoded(text.removeprefix(SECRET_PREFIX), padded=False)
    if held is None or not SECRET_BYTES_MIN <= len(held) <= SECRET_BYTES_MAX:
        raise WebhookKeyRefused(
            f"a secret is `{SECRET_PREFIX}` and base64 of {SECRET_BYTES_MIN} to"
            f" {SECRET_BYTES_MAX} bytes"
        )
    return held


def _public(text: str) -> bytes:
    held = _decoded(text.removeprefix(PUBLIC_PREFIX), padded=False)
    if held is None or len(held) != ed25519.PUBLIC_BYTES:
        raise WebhookKeyRefused(f"a public key is `{PUBLIC_PREFIX}` and base64 of 32 bytes")
    return held


def _read(given: Mapping[str, str]) -> tuple[str, str, list[str]]:
    message_id, timestamp, signature = (
        given.get(name, "") for name in (HEADER_ID, HEADER_TIMESTAMP, HEADER_SIGNATURE)
    )
    signatures = signature.split(" ")
    is_whole = (
        _ID.fullmatch(message_id) is not None
        and _TIMESTAMP.fullmatch(timestamp) is not None
        and signature.isascii()
        and signature != ""
        and len(signatures) <= SIGNATURES_MAX
    )
    if not is_whole:
        raise WebhookRefused("headers")
    return message_id, timestamp, signatures


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    if not _ID.fullmatch(message_id) or not _TIMESTAMP.fullmatch(timestamp):
        raise ValueError("this id or time cannot stand in a header")
    return f"{message_id}.{timestamp}.".encode() + body


def _decoded(text: str, *, padded: bool) -> bytes | None:
    """Return the bytes of standard base64 in its one spelling, or None.

    Args:
        text: What was sent.
        padded: Whether padding must stand; keys are also written without.
    """
    if not text.isascii():
        return None
    whole = text if padded or "=" in text else text + "=" * (-len(text) % 4)
    try:
        held = base64.b64decode(whole, validate=True)
    except binascii.Error:
        return None
    return held if base64.b64encode(held).decode() == whole else None
