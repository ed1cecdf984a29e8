"""Payers are registered and told more about; consent is revocable; protection only rises."""

import datetime as dt

import msgspec
import pytest

from service.db.store import GuardFailed
from service.rooms.payers import store
from service.rooms.payers.contract import (
    AUDIT_KINDS,
    DEVICES_MAX,
    Consent,
    KnownDevice,
    Protection,
    RegisterPayer,
)
from service.rooms.payers.tables import PAYER_LINKS, PAYERS
from service.unit_of_work.commands import Call
from tests.support.uow import START, House, a_call

CALL = a_call()
DAY = dt.timedelta(days=1)
GIVEN = Consent(small_payments=True)
WITHDRAWN = Consent(small_payments=False)


def known(device_id: str = "d_1", *, since: dt.datetime = START - DAY) -> KnownDevice:
    return KnownDevice(device_id=device_id, since=since)


def test_a_new_payer_has_consented_to_nothing_and_is_not_protected(house: House) -> None:
    payer = house.accept(RegisterPayer(payer_id="c_1"), CALL)

    assert payer.consent.small_payments is False
    assert payer.protection == Protection(protected=False)
    assert payer.created_at == START
    assert house.kinds() == ["payer.registered"]


def test_consent_is_given_once_and_its_time_kept(house: House) -> None:
    house.accept(RegisterPayer(payer_id="c_1", consent=GIVEN), CALL)
    house.clock.advance(DAY)

    payer = house.accept(RegisterPayer(payer_id="c_1", consent=GIVEN), CALL)

    assert payer.consent.small_payments is True
    assert payer.consent.given_at == START
    assert house.kinds() == ["payer.registered", "payer.consent_given", "payer.updated"]


def test_consent_is_withdrawn_and_can_be_given_again(house: House) -> None:
    house.accept(RegisterPayer(payer_id="c_1", consent=GIVEN), CALL)
    house.clock.advance(DAY)

    withdrawn = house.accept(RegisterPayer(payer_id="c_1", consent=WITHDRAWN), CALL)

    assert withdrawn.consent.small_payments is False
    assert withdrawn.consent.withdrawn_at == START + DAY
    house.clock.advance(DAY)
    again = house.accept(RegisterPayer(payer_id="c_1", consent=GIVEN), CALL)
    assert again.consent.small_payments is True
    assert (again.consent.given_at, again.consent.withdrawn_at) == (START + 2 * DAY, None)
    assert [kind for kind in house.kinds() if "consent" in kind] == [
        "payer.consent_given",
        "payer.consent_withdrawn",
        "payer.consent_given",
    ]


def test_a_consent_never_given_is_not_withdrawn(house: House) -> None:
    payer = house.accept(RegisterPayer(payer_id="c_1", consent=WITHDRAWN), CALL)

    assert payer.consent.withdrawn_at is None
    assert house.kinds() == ["payer.registered"]


def test_what_is_not_told_stays_as_it_is(house: House) -> None:
    opened = START - 100 * DAY
    told = RegisterPayer(
        payer_id="c_1",
        consent=GIVEN,
        protection=Protection(protected=True, small_payments=True),
        account_created_at=opened,
    )
    before = house.accept(told, CALL)

    after = house.accept(RegisterPayer(payer_id="c_1"), CALL)

    assert after == before


def test_protection_is_raised(house: House) -> None:
    house.accept(RegisterPayer(payer_id="c_1"), CALL)

    raised = RegisterPayer(payer_id="c_1", protection=Protection(protected=True))
    payer = house.accept(raised, CALL)

    assert payer.protection == Protection(protected=True, small_payments=False)
    assert house.entries("payer.updated")[0]["fields"]["changed"] == ["is_protected"]


@pytest.mark.parametrize(
    "lower", [Protection(protected=False), Protection(protected=True, small_payments=True)]
)
def test_protection_is_not_lowered(house: House, lower: Protection) -> None:
    guarded = RegisterPayer(payer_id="c_1", protection=Protection(protected=True))
    house.accept(guarded, CALL)
    before = house.dump()

    code = house.refuse(RegisterPayer(payer_id="c_1", protection=lower, consent=GIVEN), CALL)

    assert code == "payer_protection_kept"
    assert house.dump() == before
    assert house.entries()[-1]["outcome"] == "failure"


def test_who_is_not_protected_allows_nothing_in_advance(house: House) -> None:
    told = Protection(protected=False, small_payments=True)

    payer = house.accept(RegisterPayer(payer_id="c_1", protection=told), CALL)

    assert payer.protection == Protection(protected=False, small_payments=False)


def test_known_devices_are_added_and_their_times_replaced(house: House) -> None:
    first = RegisterPayer(payer_id="c_1", known_devices=(known("d_1"), known("d_2")))
    house.accept(first, CALL)

    corrected = RegisterPayer(payer_id="c_1", known_devices=(known("d_1", since=START),))
    house.accept(corrected, CALL)

    links = {row["key"]: row["asserted_since"] for row in house.rows(PAYER_LINKS)}
    assert links == {"d_1": START, "d_2": START - DAY}


def test_a_time_in_the_future_is_refused_by_its_place(house: House) -> None:
    soon = START + dt.timedelta(minutes=3)
    before = house.dump()
    command = RegisterPayer(
        payer_id="c_1",
        account_created_at=soon,
        known_devices=(known("d_1"), known("d_2", since=soon)),
    )

    reply = house.run(command, CALL)

    assert reply.problem is not None
    assert reply.problem.code == "payer_time_in_future"
    assert [one.pointer for one in reply.errors] == [
        "/known_devices/1/since",
        "/account_created_at",
    ]
    assert house.dump() == before


def test_a_device_named_twice_is_refused(house: House) -> None:
    reply = house.run(RegisterPayer(payer_id="c_1", known_devices=(known(), known())), CALL)

    assert reply.problem is not None
    assert reply.problem.code == "payer_device_twice"
    assert [one.pointer for one in reply.errors] == ["/known_devices/1/device_id"]


@pytest.mark.parametrize(
    "call", [a_call(merchant_id="mer_2"), a_call(tenant_id="ten_2"), a_call(mode="sandbox")]
)
def test_another_merchants_payer_of_the_same_id_is_another_payer(house: House, call: Call) -> None:
    house.accept(RegisterPayer(payer_id="c_1", consent=GIVEN), CALL)

    theirs = house.accept(RegisterPayer(payer_id="c_1"), call)

    assert theirs.consent.small_payments is False
    assert len(house.rows(PAYERS)) == 2


def test_entries_name_what_changed_and_hold_no_value(house: House) -> None:
    told = RegisterPayer(
        payer_id="c_1", account_created_at=START - DAY, known_devices=(known("d_secretive"),)
    )

    house.accept(told, CALL)

    [entry] = house.entries()
    assert entry["fields"] == {"changed": ["account_created_at"], "known_devices": 1}
    assert entry["subject"] == "c_1"


def test_every_kind_has_a_meaning(house: House) -> None:
    for consent in (GIVEN, WITHDRAWN):
        house.accept(RegisterPayer(payer_id="c_1", consent=consent), CALL)

    assert set(house.kinds()) == set(AUDIT_KINDS)


def test_a_change_over_another_one_changes_nothing(house: House) -> None:
    house.accept(RegisterPayer(payer_id="c_1"), CALL)
    transaction = house.store.begin()

    with pytest.raises(GuardFailed):
        transaction.run(
            [
                store.UPDATE_PAYER(
                    of_tenant="ten_1",
                    of_merchant="mer_1",
                    of_mode="live",
                    of_payer="c_1",
                    of_version=2,
                    small_consent_at=START,
                    small_consent_withdrawn_at=None,
                    is_protected=False,
                    is_protected_small_allowed=False,
                    account_created_at=None,
                    updated_at=START,
                )
            ]
        )


@pytest.mark.parametrize(
    "body",
    [
        {"payer_id": ""},
        {"payer_id": "x" * 65},
        {"payer_id": "c_1\n"},
        {"payer_id": "名"},
        {"payer_id": "c_1", "consent": {"small_payments": 1}},
        {"payer_id": "c_1", "name": "Lin"},
        {"payer_id": "c_1", "known_devices": [{"device_id": "d", "since": "2026-01-01T00:00:00"}]},
        {
            "payer_id": "c_1",
            "known_devices": [
                {"device_id": f"d_{n}", "since": "2026-01-01T00:00:00Z"}
                for n in range(DEVICES_MAX + 1)
            ],
        },
    ],
)
def test_a_body_against_the_contract_is_no_command(body: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode(body), type=RegisterPayer)
