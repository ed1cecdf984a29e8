"""Rooms above see a payer's profile and links, and record what a payment was made with."""

import datetime as dt

from service.rooms.payers import public
from service.rooms.payers.contract import Consent, KnownDevice, Protection, RegisterPayer
from service.rooms.payers.model import UNREGISTERED
from service.rooms.payers.public import Link, LinkTo
from tests.service.rooms.payers.conftest import PayWith
from tests.support.uow import START, House, a_call

CALL = a_call()
DAY = dt.timedelta(days=1)
DEVICE = LinkTo("device", "d_1")


def link(house: House, to: LinkTo = DEVICE, *, payer_id: str = "c_1") -> Link | None:
    return public.links(house.view(), CALL, payer_id, [to]).get(to.kind)


def test_a_payer_never_registered_has_agreed_to_nothing(house: House) -> None:
    assert public.profile(house.view(), CALL, "c_1") == UNREGISTERED


def test_a_profile_says_what_was_registered(house: House) -> None:
    command = RegisterPayer(
        payer_id="c_1",
        consent=Consent(small_payments=True),
        protection=Protection(protected=True, small_payments=True),
        account_created_at=START - DAY,
    )
    house.accept(command, CALL)

    profile = public.profile(house.view(), CALL, "c_1")

    assert profile == public.Profile(
        has_small_consent=True,
        is_protected=True,
        is_protected_small_allowed=True,
        account_created_at=START - DAY,
    )


def test_a_withdrawn_consent_does_not_stand(house: House) -> None:
    house.accept(RegisterPayer(payer_id="c_1", consent=Consent(small_payments=True)), CALL)
    house.accept(RegisterPayer(payer_id="c_1", consent=Consent(small_payments=False)), CALL)

    profile = public.profile(house.view(), CALL, "c_1")

    assert not profile.has_small_consent


def test_the_first_payment_with_a_device_is_kept(house: House) -> None:
    house.accept(PayWith(payer_id="c_1", device_id="d_1"), CALL)
    house.clock.advance(DAY)

    house.accept(PayWith(payer_id="c_1", device_id="d_1"), CALL)

    assert link(house) == Link(kind="device", key="d_1", first_paid_at=START)


def test_the_first_proof_is_kept_beside_it(house: House) -> None:
    house.accept(PayWith(payer_id="c_1", device_id="d_1"), CALL)
    house.clock.advance(DAY)
    house.accept(PayWith(payer_id="c_1", device_id="d_1", level_proved=2), CALL)
    house.clock.advance(DAY)

    house.accept(PayWith(payer_id="c_1", device_id="d_1", level_proved=3), CALL)

    found = link(house)
    assert found is not None
    assert (found.first_paid_at, found.proved_at) == (START, START + DAY)


def test_assertion_and_payment_stand_in_one_link(house: House) -> None:
    known = KnownDevice(device_id="d_1", since=START - DAY)
    house.accept(PayWith(payer_id="c_1", device_id="d_1"), CALL)

    house.accept(RegisterPayer(payer_id="c_1", known_devices=(known,)), CALL)

    assert link(house) == Link(
        kind="device", key="d_1", first_paid_at=START, asserted_since=START - DAY
    )


def test_links_are_of_one_payer_and_kind(house: House) -> None:
    house.accept(PayWith(payer_id="c_1", device_id="d_1", payee_id="p_1"), CALL)

    assert link(house, LinkTo("payee", "p_1")) is not None
    assert link(house, LinkTo("payee", "d_1")) is None
    assert link(house, LinkTo("device", "d_2")) is None
    assert link(house, payer_id="c_2") is None
