"""Front ends' use of the signing keys: sign, verify, publish. Writes nothing."""

from dataclasses import dataclass
from typing import Final

import msgspec
import sqlalchemy as sa

from keys import tokens
from keys.sealing import Sealer
from keys.token_keys import SigningKey, VerifyingKey
from keys.token_verifier import NotVerified
from keys.tokens import PaymentClaims
from service.db.statements import Row, Statement
from service.http.ports import Reader
from service.kernel.clock import Clock
from service.rooms.custody.contract import KEYS_PUBLISHED_MAX, KeySet, PublicKey
from service.rooms.custody.tables import SIGNING_KEYS
from service.unit_of_work.commands import HOUSE

# Anybody may send tokens that name keys which never were: they cost a look at the store this
# often and no more.
RELOAD_NS: Final = 5_000_000_000

KEYS_OF_PURPOSE: Final = Statement(
    sa.select(
        SIGNING_KEYS.c.kid,
        SIGNING_KEYS.c.state,
        SIGNING_KEYS.c.public_key,
        SIGNING_KEYS.c.sealed_private,
    )
    .where(
        SIGNING_KEYS.c.tenant_id == sa.bindparam("tenant_id"),
        SIGNING_KEYS.c.purpose == sa.bindparam("purpose"),
    )
    .order_by(SIGNING_KEYS.c.created_at.desc(), SIGNING_KEYS.c.kid)
    .limit(KEYS_PUBLISHED_MAX),
    name="signing keys",
)
_READ: Final = KEYS_OF_PURPOSE(tenant_id=HOUSE, purpose="payment_token")
_PUBLIC_KEY: Final = msgspec.json.Decoder(PublicKey)


class NoSigningKey(Exception):  # noqa: N818  a state of the world, not our mistake
    """No key signs yet: the process that makes the first one has not come to it."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    signing: SigningKey | None
    verifying: dict[str, VerifyingKey]
    published: KeySet


class Signer:
    """Signs and verifies payment tokens with the keys of the store. Safe to share by threads.

    Args:
        reader: Where keys are read.
        sealer: Opens their private halves.
        clock: Bounds how often they are read again.
    """

    def __init__(self, reader: Reader, sealer: Sealer, clock: Clock) -> None:
        self._reader = reader
        self._sealer = sealer
        self._clock = clock
        self._loaded = _Loaded(None, {}, KeySet(keys=()))
        self._loaded_ns: int | None = None

    def is_ready(self) -> bool:
        """Say whether there is a key to sign with.

        Raises:
            StoreUnavailable: The store could not be read.
            NotOpened: The store's key was sealed under another root key.
        """
        return self._keys().signing is not None

    def sign(self, claims: PaymentClaims) -> str:
        """Return the payment token over these claims.

        Raises:
            NoSigningKey: There is none yet.
            StoreUnavailable: The store could not be read.
            NotOpened: The store's key was sealed under another root key.
        """
        signing = self._keys().signing
        if signing is None:
            raise NoSigningKey("no key signs payment tokens yet")
        return tokens.sign(claims, signing)

    def verify(self, text: str, *, issuer: str, audience: str) -> PaymentClaims:
        """Return the claims of a token of ours; whether it counts now is for the writer to say.

        Args:
            text: As it came.
            issuer: The exact `iss`.
            audience: The exact `aud`.

        Raises:
            NotVerified: Anything is wrong; its reason is for the log alone.
            StoreUnavailable: The store could not be read.
        """
        known = self._keys().verifying
        try:
            return tokens.verify(text, keys=known, issuer=issuer, audience=audience)
        except NotVerified as refused:
            if refused.reason != "key":
                raise
            newer = self._reloaded().verifying
            if newer.keys() == known.keys():
                raise
        return tokens.verify(text, keys=newer, issuer=issuer, audience=audience)

    def key_set(self) -> KeySet:
        """Return the public keys to publish.

        Raises:
            StoreUnavailable: The store could not be read.
        """
        return self._keys().published

    def _keys(self) -> _Loaded:
        """Return what is loaded; while there is no key to sign with, look again."""
        loaded = self._loaded
        return loaded if loaded.signing is not None else self._read()

    def _reloaded(self) -> _Loaded:
        """Return the store's keys, read again unless they just were."""
        now_ns = self._clock.monotonic_ns()
        if self._loaded_ns is not None and now_ns - self._loaded_ns < RELOAD_NS:
            return self._loaded
        return self._read()

    def _read(self) -> _Loaded:
        # No lock: the read may park this request, and another that waits for a lock on the same
        # thread would wait for ever. Two may read at once; what was asked for later stays.
        asked_ns = self._clock.monotonic_ns()
        read = _load(self._reader.fetch(_READ), self._sealer)
        if self._loaded_ns is None or asked_ns >= self._loaded_ns:
            self._loaded, self._loaded_ns = read, asked_ns
        return read


def _load(rows: list[Row], sealer: Sealer) -> _Loaded:
    public = [_PUBLIC_KEY.decode(row["public_key"]) for row in rows]
    # Retired keys verify until their last token is over; only the active one is ever opened.
    active = [row for row in rows if row["state"] == "active"]
    signing = None
    if active:
        kid = active[0]["kid"]
        signing = SigningKey.open(active[0]["sealed_private"], kid=kid, sealer=sealer)
    verifying = {one.kid: VerifyingKey(msgspec.structs.asdict(one)) for one in public}
    return _Loaded(signing, verifying, KeySet(keys=tuple(public)))
