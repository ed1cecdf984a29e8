"""JWS through PyJWT: signatures and public keys. Never called but behind the token verifier."""

from collections.abc import Mapping
from typing import Any, Final

from jwt import PyJWS, PyJWTError
from jwt.algorithms import get_default_algorithms
from jwt.types import SigOptions
from jwt.utils import base64url_encode

from keys.hazmat import p256

# RFC 7518 sections 6.2.2 and 6.3.2. A symmetric `k` is both halves; only a test allows HMAC.
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth"})
_OPTIONS: Final[SigOptions] = {"verify_signature": True, "enforce_minimum_key_length": True}


class Unusable(Exception):  # noqa: N818  said of a key or a signature
    """The key does not fit its algorithm, or the signature does not fit the key."""


class Verifier:
    """A public key and the one algorithm it verifies.

    Args:
        jwk: A JWK (RFC 7517); private members are dropped.
        algorithm: JWS name of the algorithm, checked against the key's type, curve and size.

    Raises:
        Unusable: The JWK is not a key for this algorithm.
    """

    __slots__ = ("_algorithm", "_key", "_library")

    def __init__(self, jwk: Mapping[str, Any], algorithm: str) -> None:
        known = get_default_algorithms().get(algorithm)
        if known is None or algorithm == "none":
            raise Unusable
        public = {name: value for name, value in jwk.items() if name not in _PRIVATE_MEMBERS}
        try:
            self._key = known.prepare_key(known.from_jwk(public))
            too_short = known.check_key_length(self._key)
        except (PyJWTError, ValueError, TypeError, KeyError):
            raise Unusable from None
        if too_short:
            raise Unusable
        self._algorithm = algorithm
        self._library = PyJWS(algorithms=[algorithm])

    def verify(self, text: str) -> bytes:
        """Return the payload of a compact JWS whose form the token verifier has accepted.

        Raises:
            Unusable: The signature is not by this key with this algorithm.
        """
        try:
            payload = self._library.decode(
                text, self._key, algorithms=[self._algorithm], options=_OPTIONS
            )
        except (PyJWTError, ValueError, TypeError):
            raise Unusable from None
        if type(payload) is not bytes:
            raise Unusable
        return payload


class Signer:
    """A P-256 private key that signs with ES256."""

    __slots__ = ("_algorithm", "_heads", "_key")

    def __init__(self, key: p256.PrivateKey) -> None:
        self._key = key
        self._algorithm = get_default_algorithms()["ES256"]
        self._heads: dict[tuple[str, str], bytes] = {}

    def sign(self, payload: bytes, *, kid: str, typ: str) -> str:
        """Return the compact form with the header members alg, kid and typ."""
        head = self._heads.get((kid, typ))
        if head is None:
            head = self._heads[kid, typ] = self._head(kid, typ)
        text = head + base64url_encode(payload)
        signature = self._algorithm.sign(text, self._key)
        return (text + b"." + base64url_encode(signature)).decode()

    def _head(self, kid: str, typ: str) -> bytes:
        """Return the encoded header and the point behind it, as the library writes them."""
        text = PyJWS(algorithms=["ES256"]).encode(
            b"", self._key, algorithm="ES256", headers={"kid": kid, "typ": typ}
        )
        return text.partition(".")[0].encode() + b"."
