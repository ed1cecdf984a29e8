"""The signer signs with the store's key, verifies what it signed, and publishes public halves."""

import datetime as dt
import json

import msgspec
import pytest

from keys.entropy import CountingEntropy
from keys.sealing import NotOpened, Sealer
from keys.token_keys import verifying_keys
from keys.token_verifier import NotVerified
from keys.tokens import PaymentClaims, PaymentDetail, verify
from service.rooms.custody.contract import CreateSigningKey
from service.rooms.custody.model import new_signing_key
from service.rooms.custody.queries import NoSigningKey, Signer
from tests.support.uow import House, a_house_call

CALL = a_house_call("wsgi")
CLAIMS = PaymentClaims(
    iss="https://pay.example",
    aud="mer_1",
    sub="c_1",
    iat=1_000,
    nbf=1_000,
    exp=1_120,
    jti="A" * 22,
    txn="pay_1",
    authorization_details=(
        PaymentDetail(
            type="payment",
            amount=100,
            amount_is="exact",
            currency="CNY",
            payee="p_1",
            instrument=None,
            order=None,
        ),
    ),
    device=None,
    acr="0",
    amr=(),
    auth_time=None,
    cnf=None,
    assessment="asm_1",
    exemption=None,
    liability="merchant",
)


def verified(signer: Signer, text: str) -> PaymentClaims:
    return signer.verify(text, issuer=CLAIMS.iss, audience=CLAIMS.aud)


def test_before_the_first_key_nothing_is_signed_or_published(signer: Signer) -> None:
    assert not signer.is_ready()
    assert signer.key_set().keys == ()
    with pytest.raises(NoSigningKey):
        signer.sign(CLAIMS)


def test_a_key_that_comes_later_is_found(
    house: House, signer: Signer, fresh: CreateSigningKey
) -> None:
    assert not signer.is_ready()

    house.accept(fresh, CALL)

    assert verified(signer, signer.sign(CLAIMS)) == CLAIMS


def test_another_process_verifies_what_one_signed(
    house: House, signer: Signer, fresh: CreateSigningKey
) -> None:
    house.accept(fresh, CALL)
    text = signer.sign(CLAIMS)

    other = Signer(house.reader, house.sealer, house.clock)

    assert verified(other, text) == CLAIMS


def test_a_token_verifies_offline_with_what_is_published(
    house: House, signer: Signer, fresh: CreateSigningKey
) -> None:
    house.accept(fresh, CALL)
    published = json.loads(msgspec.json.encode(signer.key_set()))

    claims = verify(
        signer.sign(CLAIMS),
        keys=verifying_keys(published),
        issuer=CLAIMS.iss,
        audience=CLAIMS.aud,
    )

    assert claims == CLAIMS


def test_nothing_private_is_published(
    house: House, signer: Signer, fresh: CreateSigningKey
) -> None:
    house.accept(fresh, CALL)

    [published] = json.loads(msgspec.json.encode(signer.key_set()))["keys"]

    assert set(published) == {"kty", "crv", "x", "y", "use", "alg", "kid"}


def row_of(command: CreateSigningKey, *, state: str = "active") -> dict[str, object]:
    """Return the stored row of a key."""
    return {
        "kid": command.public_key.kid,
        "state": state,
        "public_key": msgspec.json.encode(command.public_key).decode(),
        "sealed_private": command.sealed_private,
    }


def foreign_token(house: House) -> str:
    """Return a token by a key of the same make that the store does not hold."""
    command = new_signing_key(house.sealer, CountingEntropy(500))
    rows = [row_of(command)]
    return Signer(PaperReader(rows), house.sealer, house.clock).sign(CLAIMS)


class PaperReader:
    """Answers every read with the rows it was given, and counts how often it was asked."""

    def __init__(self, rows: list[dict[str, object]]) -> None:
        self._rows = rows
        self.count = 0

    def fetch(self, _read: object) -> list[dict[str, object]]:
        self.count += 1
        return self._rows

    def maybe(self, _read: object) -> dict[str, object] | None:
        return self._rows[0]


def test_a_foreign_key_of_the_same_make_verifies_nothing(
    house: House, signer: Signer, fresh: CreateSigningKey
) -> None:
    house.accept(fresh, CALL)

    with pytest.raises(NotVerified):
        verified(signer, foreign_token(house))


def test_unknown_keys_cost_a_look_at_the_store_every_five_seconds(
    house: House, fresh: CreateSigningKey
) -> None:
    rows = [row_of(fresh)]
    reader = PaperReader(rows)
    signer = Signer(reader, house.sealer, house.clock)
    text = foreign_token(house)

    for _ in range(10):
        with pytest.raises(NotVerified):
            verified(signer, text)
    assert reader.count == 1
    house.clock.advance(dt.timedelta(seconds=5))
    with pytest.raises(NotVerified):
        verified(signer, text)

    assert reader.count == 2


def test_a_retired_key_verifies_and_signs_no_more(house: House, fresh: CreateSigningKey) -> None:
    text = foreign_token(house)
    old = new_signing_key(house.sealer, CountingEntropy(500))
    rows = [row_of(fresh), row_of(old, state="retired")]
    signer = Signer(PaperReader(rows), house.sealer, house.clock)

    assert verified(signer, text) == CLAIMS
    header = signer.sign(CLAIMS).split(".")[0]
    assert header != text.split(".")[0]


def test_a_key_sealed_under_another_root_does_not_open(
    house: House, fresh: CreateSigningKey
) -> None:
    house.accept(fresh, CALL)
    stranger = Signer(house.reader, Sealer(bytes([1]) * 32), house.clock)

    with pytest.raises(NotOpened):
        stranger.sign(CLAIMS)
