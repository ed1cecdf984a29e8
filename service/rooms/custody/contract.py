"""What may be asked of the keys that sign payment tokens. A private half travels sealed only."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

KEYS_PUBLISHED_MAX: Final = 16
SEALED_BYTES_MAX: Final = 512

SIGNING_KEY_EXISTS: Final = Problem("signing_key_exists", 409)
SIGNING_KEY_INVALID: Final = Problem("signing_key_invalid", 422)

AUDIT_KINDS: Final[dict[str, str]] = {
    "signing_key.created": "A key that signs payment tokens was created and published.",
}

# A thumbprint of SHA-256; the ends are those of the text in Python and in ECMA 262 alike.
Kid = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}(?![\s\S])")]
Coordinate = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{43}(?![\s\S])")]


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public key of payment tokens as RFC 7517 writes it.

    Attributes:
        kty: Elliptic curve.
        crv: P-256.
        x: Coordinate in base64url.
        y: Coordinate in base64url.
        use: It verifies signatures.
        alg: The one algorithm it verifies.
        kid: Its RFC 7638 thumbprint, by which tokens name it.
    """

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate
    y: Coordinate
    use: Literal["sig"]
    alg: Literal["ES256"]
    kid: Kid


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """Every public key under which a payment token may still verify, the newest first."""

    keys: tuple[PublicKey, ...]


class SigningKeyCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The key signs from now on."""

    kid: str
    created_at: Instant


class CreateSigningKey(Command, frozen=True, kw_only=True):
    """Keep the first key that signs payment tokens; as the house.

    Attributes:
        public_key: Its public half; names the key.
        sealed_private: Its private half, sealed where it was made and bound to that name.
    """

    gives: ClassVar[type[msgspec.Struct]] = SigningKeyCreated

    public_key: PublicKey
    sealed_private: Annotated[bytes, msgspec.Meta(min_length=1, max_length=SEALED_BYTES_MAX)]
