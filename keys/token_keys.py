"""Keys of payment tokens: one algorithm each, named by thumbprint. Never shows a private half."""

import base64
import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final, NoReturn

from typing_extensions import override

from keys import canonical
from keys.entropy import Entropy
from keys.hazmat import jws, p256
from keys.sealing import NotOpened, Sealer

ES256: Final = "ES256"
PRODUCTION_ALGORITHMS: Final = frozenset({ES256})

# A published set holds the current key and those of two rotations; more is not ours.
KEYS_MAX: Final = 16
KID_CHARS_MAX: Final = 128


class KeyRefused(ValueError):  # noqa: N818  it is what happened to the key
    """A public key, or a set of them, is not one that tokens may be verified with."""


class VerifyingKey:
    """A public key with its name and its one algorithm.

    Attributes:
        kid: Name of the key, as the header of a token gives it.
        algorithm: JWS name of the only algorithm this key verifies.
    """

    __slots__ = ("_jwk", "_verifier", "algorithm", "kid")

    def __init__(
        self,
        jwk: Mapping[str, Any],
        *,
        algorithms: Collection[str] = PRODUCTION_ALGORITHMS,
    ) -> None:
        """Read a public JWK (RFC 7517); private members are dropped.

        Args:
            jwk: Must name `kid` and `alg`.
            algorithms: Those that may be used; only tests of foreign vectors widen it.

        Raises:
            KeyRefused: No name, another algorithm, another use, or no key of that algorithm.
        """
        kid, algorithm = jwk.get("kid"), jwk.get("alg")
        if not isinstance(kid, str) or not 1 <= len(kid) <= KID_CHARS_MAX:
            raise KeyRefused("a key needs a `kid`")
        if not isinstance(algorithm, str) or algorithm not in algorithms:
            raise KeyRefused("a key needs an `alg` that is allowed here")
        operations = jwk.get("key_ops", ["verify"])
        if jwk.get("use", "sig") != "sig" or not isinstance(operations, list):
            raise KeyRefused("the key is not for verifying signatures")
        if "verify" not in operations:
            raise KeyRefused("the key is not for verifying signatures")
        try:
            self._verifier = jws.Verifier(jwk, algorithm)
        except jws.Unusable:
            raise KeyRefused("the key does not fit its `alg`") from None
        self.kid = kid
        self.algorithm = algorithm
        self._jwk = dict(jwk)

    @property
    def jwk(self) -> dict[str, str]:
        """The public JWK as it is published: kty, crv, x, y, use, alg, kid."""
        return {name: self._jwk[name] for name in _PUBLISHED if name in self._jwk}

    def verify(self, text: str) -> bytes:
        """Return the payload of a compact JWS; only the token verifier calls this.

        Raises:
            Unusable: The signature is not by this key.
        """
        return self._verifier.verify(text)

    @override
    def __repr__(self) -> str:
        return f"VerifyingKey({self.kid}, {self.algorithm})"


class SigningKey:
    """An ES256 key pair; its name is the RFC 7638 thumbprint of its public half.

    Attributes:
        kid: Name of the key, 43 characters of base64url.
        verifying: The public half.
    """

    __slots__ = ("_private", "_signer", "kid", "verifying")

    def __init__(self, private: p256.PrivateKey) -> None:
        public = p256.coordinates(private)
        self._private = private
        self._signer = jws.Signer(private)
        self.kid = thumbprint(public)
        self.verifying = VerifyingKey({**public, "use": "sig", "alg": ES256, "kid": self.kid})

    @classmethod
    def generate(cls, entropy: Entropy) -> "SigningKey":
        """Return a new key drawn from the entropy given.

        Raises:
            RuntimeError: The source of entropy is broken.
        """
        return cls(p256.generate(entropy))

    @classmethod
    def open(cls, sealed: bytes, *, kid: str, sealer: Sealer) -> "SigningKey":
        """Return the key that `seal` wrote under this name.

        Raises:
            NotOpened: Another sealer, another name, or changed bytes.
        """
        scalar = sealer.open(sealed, bound_to=_place(kid))
        try:
            key = cls(p256.from_bytes(scalar))
        except ValueError:
            raise NotOpened from None
        if key.kid != kid:
            raise NotOpened
        return key

    def seal(self, sealer: Sealer, *, entropy: Entropy) -> bytes:
        """Return the private half for storage, sealed and bound to the key's name."""
        return sealer.seal(p256.to_bytes(self._private), bound_to=_place(self.kid), entropy=entropy)

    def sign(self, payload: bytes, *, typ: str) -> str:
        """Return a compact JWS; what may be signed is for the token's own module to say."""
        return self._signer.sign(payload, kid=self.kid, typ=typ)

    @override
    def __repr__(self) -> str:
        return f"SigningKey({self.kid}, private half not shown)"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a signing key is not pickled: it would leave the process")


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the RFC 7638 SHA-256 thumbprint of an EC public key, 43 characters of base64url.

    Raises:
        KeyRefused: A member that fixes the key is missing.
    """
    try:
        members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    except KeyError:
        raise KeyRefused("an EC key has crv, kty, x and y") from None
    hashed = hashlib.sha256(canonical.encode(members)).digest()
    return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode()


def jwks(keys: Iterable[VerifyingKey]) -> dict[str, list[dict[str, str]]]:
    """Return the JSON Web Key Set to publish, in the order given.

    Raises:
        KeyRefused: Two keys have one name, or there are more than KEYS_MAX.
    """
    published = [key.jwk for key in keys]
    _check_set([key["kid"] for key in published])
    return {"keys": published}


def verifying_keys(
    key_set: Mapping[str, Any],
    *,
    algorithms: Collection[str] = PRODUCTION_ALGORITHMS,
) -> dict[str, VerifyingKey]:
    """Return the keys of a JSON Web Key Set by name, for verifying away from the service.

    Raises:
        KeyRefused: One of the keys is refused, two have one name, symmetric and public keys are
            mixed, or there are none or more than KEYS_MAX.
    """
    listed = key_set.get("keys")
    if not isinstance(listed, list) or not all(isinstance(jwk, dict) for jwk in listed):
        raise KeyRefused("a key set has a list of keys")
    # A public key taken for a shared secret is the classic confusion (RFC 8725 section 3.1).
    if len({jwk.get("kty") == "oct" for jwk in listed}) > 1:
        raise KeyRefused("symmetric and public keys do not share a set")
    keys = [VerifyingKey(jwk, algorithms=algorithms) for jwk in listed]
    _check_set([key.kid for key in keys])
    return {key.kid: key for key in keys}


_PUBLISHED: Final = ("kty", "crv", "x", "y", "use", "alg", "kid")


def _place(kid: str) -> str:
    return f"signing_key:{kid}"


def _check_set(kids: list[str]) -> None:
    if not 1 <= len(kids) <= KEYS_MAX:
        raise KeyRefused(f"a key set has 1 to {KEYS_MAX} keys")
    if len(set(kids)) != len(kids):
        raise KeyRefused("two keys of a set have one name")
