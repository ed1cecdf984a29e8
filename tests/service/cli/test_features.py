"""What an entity's features are, from the row and from the log after it; never who else it is."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from risk.entity_state import EntityState
from risk.feature import load_features
from risk.history import keyed
from risk.reading import Asked
from risk.windows import second_of
from service.cli.features import read_state, values
from service.cli.screen import Failure
from service.db.places import Place
from service.db.statements import Statement
from service.kernel.facts import DeviceKept
from service.kernel.money import Amount
from service.state.entities import ENTITIES, EntityKey
from tests.support.desk import SECOND, Desk, cny
from tests.support.terminal import Told
from tests.support.uow import START

OTHER_SET = Statement(ENTITIES.update().values(feature_set="st_other"), name="another set")


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.house.close()


def key(desk: Desk, kind: str, value: str) -> EntityKey:
    return EntityKey(desk.call.tenant_id, desk.call.mode, kind, value)


def shown(state: EntityState, kind: Any = "payer", **others: str) -> dict[str, Any]:
    """Return name -> value or reason a second after the start."""
    asked = Asked(
        second=second_of(START + SECOND),
        currency="",
        amount_minor=0,
        others={one: keyed(value) for one, value in others.items()},
    )
    found = values(kind, state, asked, has_amount=False)
    return {one.name: one.missing or one.value for one in found}


def test_what_is_in_the_log_alone_is_counted(desk: Desk) -> None:
    desk.create()
    desk.create(amount=cny(250))

    stored = read_state(desk.house.spanning, key(desk, "payer", "c_17"))

    assert stored.row_sequence == 0
    assert shown(stored.state)["payer_payment_count_1h"] == 2
    assert shown(stored.state)["payer_amount_sum_1h"] == 10_250


def test_what_is_in_the_row_is_counted_once(desk: Desk) -> None:
    desk.create()
    while desk.house.unit.write_back():
        pass
    desk.create()

    stored = read_state(desk.house.spanning, key(desk, "payer", "c_17"))

    assert 0 < stored.row_sequence < stored.sequence
    assert shown(stored.state)["payer_payment_count_1h"] == 2


def test_an_entity_never_seen_has_counts_of_0_and_says_what_it_does_not_know(desk: Desk) -> None:
    found = shown(read_state(desk.house.spanning, key(desk, "payer", "nobody")).state)

    assert found["payer_payment_count_1h"] == 0
    assert found["payer_amount_mean"] == "no_history"
    assert found["payer_amount_to_normal"] == "no_amount"
    assert found["payer_payee_payment_count_30d"] == "no_payee"


def test_a_pair_is_counted_with_the_other_that_is_named(desk: Desk) -> None:
    desk.create(device=DeviceKept(device_id="d_1"))
    state = read_state(desk.house.spanning, key(desk, "payer", "c_17")).state

    assert shown(state, payee="p_77")["payer_payee_payment_count_30d"] == 1
    assert shown(state, payee="p_other")["payer_payee_payment_count_30d"] == 0
    device = read_state(desk.house.spanning, key(desk, "device", "d_1")).state
    assert shown(device, "device")["device_payment_count_1h"] == 1


def test_amounts_are_told_for_each_currency(desk: Desk) -> None:
    desk.create()
    desk.create(amount=Amount(value=5, currency="EUR"))
    state = read_state(desk.house.spanning, key(desk, "payer", "c_17")).state
    asked = Asked(second=second_of(START + SECOND), currency="", amount_minor=5, others={})

    found = values("payer", state, asked, has_amount=True)

    sums = {one.currency: one.value for one in found if one.name == "payer_amount_sum_1h"}
    assert sums == {"CNY": 10_000, "EUR": 5}
    assert [one.name for one in found].count("payer_payment_count_1h") == 1


def test_another_tenant_and_mode_see_nothing_of_it(desk: Desk) -> None:
    desk.create()
    for other in (("ten_other", "live"), (desk.call.tenant_id, "sandbox")):
        state = read_state(desk.house.spanning, EntityKey(*other, "payer", "c_17")).state
        assert shown(state)["payer_payment_count_1h"] == 0


def test_the_row_of_another_version_is_told_as_such(desk: Desk) -> None:
    desk.create()
    while desk.house.unit.write_back():
        pass
    transaction = desk.house.store.begin()
    transaction.run([OTHER_SET()])
    transaction.commit()

    with pytest.raises(Failure, match="another version"):
        read_state(desk.house.spanning, key(desk, "payer", "c_17"))


def show(told: Told, *arguments: str) -> Any:
    merchant = told.payguard.json("trace", told.said["answer"]["id"])["merchant_id"]
    return told.payguard("features", "show", *arguments, "--merchant", merchant)


def test_people_read_values_with_units_and_reasons(told: Told) -> None:
    printed = show(told, "payer:lin").stdout

    assert "as of" in printed
    assert ", sequence " in printed
    assert "unknown: no_payee" in printed
    assert " payments" in printed
    meaning = load_features().feature("payer_payment_count_1h").meaning
    assert f"{meaning.en} {meaning.zh}" in printed


def test_an_address_is_looked_up_by_its_pseudonym_which_is_not_shown(told: Told) -> None:
    result = show(told, "ip:203.0.113.7", "--json")

    assert result.exit_code == 0
    assert '"entity": "ip:203.0.113.7"' in result.stdout
    assert "pn_" not in result.stdout


@pytest.mark.parametrize("entity", ["payer", "payer:", "shoe:1", "ip:none"])
def test_what_names_no_entity_is_refused(told: Told, entity: str) -> None:
    result = show(told, entity)

    assert result.exit_code == 2
    assert "error:" in result.stderr


def test_a_time_that_is_none_is_refused(told: Told) -> None:
    assert show(told, "payer:lin", "--at", "soon").exit_code == 2
    later = dt.datetime(2040, 1, 1, tzinfo=dt.UTC).isoformat()
    assert "0 payments" in show(told, "payer:lin", "--at", later).stdout
