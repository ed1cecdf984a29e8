"""What commands write of payments is what they read back."""

import datetime as dt

import msgspec
import pytest

from keys.tokens import PaymentClaims
from service.db.places import Place
from service.db.reader import Reader
from service.db.stores import open_reader
from service.rooms.payments import store
from service.rooms.payments.contract import EventReply
from service.rooms.payments.model import amounts, from_row, token_state
from tests.service.rooms.payments.bodies import JTI, NOW, a_payment, the_claims
from tests.support.guards import run_alone
from tests.support.places import create_tables

PAYMENT = a_payment("approved")
OWNER = {"tenant_id": "ten_1", "merchant_id": "mer_1", "mode": "live"}
REPLY = EventReply(
    id="evt_1",
    payment_id=PAYMENT.payment_id,
    type="captured",
    in_step=False,
    status="approved",
    amounts=amounts(PAYMENT),
)
REPORTED = {
    "tenant_id": "ten_1",
    "payment_id": PAYMENT.payment_id,
    "source": "psp",
    "external_id": "e-1",
}


@pytest.fixture
def database(place: Place) -> Place:
    create_tables(place)
    run_alone(place, store.insert(PAYMENT))
    run_alone(place, store.insert_token(the_claims(PAYMENT), tenant_id="ten_1", now=NOW))
    return place


@pytest.fixture
def reader(database: Place) -> Reader:
    return open_reader(database)


def test_a_payment_is_read_back(reader: Reader) -> None:
    row = reader.maybe(
        store.by_id(PAYMENT.payment_id, tenant_id="ten_1", merchant_id="mer_1", mode="live")
    )

    assert row is not None
    assert from_row(row) == PAYMENT


@pytest.mark.parametrize(
    "stranger", [{"tenant_id": "ten_2"}, {"merchant_id": "mer_2"}, {"mode": "sandbox"}]
)
def test_nobody_elses_payment_is_found(reader: Reader, stranger: dict[str, str]) -> None:
    owner = {**OWNER, **stranger}

    assert reader.maybe(store.PAYMENT_BY_ID(**owner, payment_id=PAYMENT.payment_id)) is None
    assert reader.maybe(store.PAYMENT_BY_REFERENCE(**owner, reference="ord-1")) is None


def test_a_reference_names_its_payment(reader: Reader) -> None:
    row = reader.maybe(store.PAYMENT_BY_REFERENCE(**OWNER, reference="ord-1"))

    assert row == {"payment_id": PAYMENT.payment_id}


def test_a_token_keeps_its_claims_and_expires_at_its_time(reader: Reader) -> None:
    row = reader.maybe(
        store.TOKEN_BY_JTI(tenant_id="ten_1", payment_id=PAYMENT.payment_id, jti=JTI)
    )
    active = reader.maybe(store.ACTIVE_TOKEN(tenant_id="ten_1", payment_id=PAYMENT.payment_id))
    expires_at = NOW + dt.timedelta(seconds=120)

    assert row is not None
    assert row == active
    assert store.claims_of(row) == the_claims(PAYMENT)
    assert row["expires_at"] == expires_at
    assert token_state(row, now=expires_at - dt.timedelta(microseconds=1)) == "active"
    assert token_state(row, now=expires_at) == "expired"


def test_claims_go_into_a_token_by_their_names() -> None:
    claims = the_claims(PAYMENT)

    signed = msgspec.convert(msgspec.to_builtins(claims), PaymentClaims, strict=False)

    assert msgspec.to_builtins(signed) == msgspec.to_builtins(claims)


def test_a_reported_event_keeps_its_first_answer(database: Place, reader: Reader) -> None:
    first = store.insert_reported(
        REPLY, tenant_id="ten_1", source="psp", external_id="e-1", now=NOW
    )

    assert (run_alone(database, first), run_alone(database, first)) == (1, 0)
    row = reader.maybe(store.REPORTED_BY_ID(**REPORTED))
    assert row is not None
    assert store.reported_reply(row) == REPLY
