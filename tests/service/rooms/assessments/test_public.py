"""A judgement can be made again from what it stored, and the log commits to exactly that."""

import json
from typing import Any

import msgspec
import pytest

from keys import canonical
from keys.sealing import NotOpened
from keys.translog import commitment
from risk.assessment import Assessment
from risk.engine import assess
from risk.facts import Circumstances, Facts
from service.kernel.facts import DeviceKept, Instrument, Payee, PayerKept
from service.rooms.assessments.public import Judge, open_features
from service.rooms.payments.contract import CreatePayment
from service.unit_of_work.handlers import Handlers
from service.writer.handlers import all_handlers
from tests.support.desk import ISSUER, Desk, cny


def judged_again(cn: Desk, row: dict[str, Any]) -> Assessment:
    """Return the assessment that a stored row's inputs and features make."""
    stored = json.loads(row["inputs"])
    facts = msgspec.convert(stored["facts"], Facts)
    known = msgspec.convert(stored["circumstances"], Circumstances, str_keys=True, strict=False)
    features = open_features(row["features"], assessment_id=row["assessment_id"], sealer=cn.sealer)
    return assess(facts, known, features, cn.strategy)


def many(cn: Desk) -> None:
    """Make judgements of every kind that there is."""
    cn.execute(cn.pay(cn.small()).token)
    cn.pay(cn.small(entry="qr_static", occurred_at=cn.house.clock.now()))
    cn.pay(cn.small(amount=cny(2_000_000)))
    cn.pay(cn.small(initiator="merchant"))
    cn.create(payer=PayerKept(payer_key="em_1", email_key="em_1"), kind="payout")
    cn.create(kind="verification", amount=cny(0), device=DeviceKept(device_id="d_7"))


def test_every_judgement_is_made_again_from_what_it_stored(cn: Desk) -> None:
    many(cn)

    rows = cn.assessments()

    made = [msgspec.json.decode(row["judged"], type=Assessment) for row in rows]
    assert [judged_again(cn, row) for row in rows] == made
    assert {one.stage for one in made} == {"pre_payment", "in_flight", "payout"}


def test_the_log_commits_to_inputs_and_features_under_the_stored_salt(cn: Desk) -> None:
    many(cn)

    rows = {row["assessment_id"]: row for row in cn.assessments()}

    for entry in cn.house.entries("payment.assessed"):
        row = rows.pop(entry["subject"])
        plain = cn.sealer.open(
            row["features"], bound_to=f"assessments.features:{row['assessment_id']}"
        )
        assert entry["fields"]["inputs"] == commitment(row["salt"], row["inputs"]).hex()
        assert entry["fields"]["features"] == commitment(row["salt"], plain).hex()
        assert len(row["salt"]) == 32
    assert rows == {}


def test_salts_are_never_the_same(cn: Desk) -> None:
    many(cn)

    salts = {row["salt"] for row in cn.assessments()}

    assert len(salts) == len(cn.assessments())


def test_inputs_are_canonical(cn: Desk) -> None:
    many(cn)

    for row in cn.assessments():
        assert canonical.encode(json.loads(row["inputs"])) == row["inputs"]


def test_features_open_for_their_own_assessment_alone(cn: Desk) -> None:
    first, second = (cn.pay(cn.small()) for _ in range(2))
    rows = {row["subject_id"]: row for row in cn.assessments()}
    sealed = rows[first.payment.id]["features"]

    with pytest.raises(NotOpened):
        open_features(
            sealed,
            assessment_id=rows[second.payment.id]["assessment_id"],
            sealer=cn.sealer,
        )


def test_features_know_what_came_before_and_not_the_payment_itself(cn: Desk) -> None:
    for _ in range(3):
        cn.pay(cn.small(amount=cny(100)))

    vectors = [
        open_features(row["features"], assessment_id=row["assessment_id"], sealer=cn.sealer)
        for row in cn.assessments()
    ]

    assert [one.value("payer_payment_count_1h") for one in vectors] == [0, 1, 2]
    assert [one.value("device_amount_sum_1h") for one in vectors] == [0, 100, 200]


def test_an_execution_counts_as_no_payment(cn: Desk) -> None:
    cn.execute(cn.pay(cn.small()).token)

    cn.pay(cn.small())

    features = cn.assessments()[-1]
    vector = open_features(
        features["features"], assessment_id=features["assessment_id"], sealer=cn.sealer
    )
    assert vector.value("payer_payment_count_1h") == 1


def test_a_judgement_names_its_strategy_and_its_payment(cn: Desk) -> None:
    reply = cn.pay(cn.small())

    [row] = cn.assessments()
    [entry] = cn.house.entries("payment.assessed")
    assert (row["strategy_id"], row["subject_id"]) == (cn.strategy.id, reply.payment.id)
    assert (entry["strategy"], entry["payment"]) == (cn.strategy.id, reply.payment.id)


def test_an_entry_holds_no_feature_and_no_input(cn: Desk) -> None:
    cn.pay(cn.small())

    [entry] = cn.house.entries("payment.assessed")

    assert "c_17" not in json.dumps(entry)
    assert "ins_1" not in json.dumps(entry)


def test_what_shares_a_counter_shares_a_key(cn: Desk) -> None:
    handlers: Handlers = all_handlers(Judge(cn.strategy, cn.sealer), issuer=ISSUER)

    def keys(**given: Any) -> set[str]:
        command = CreatePayment(facts=cn.small(**given))
        return set(handlers.of(command).keys(command, cn.call))

    one = keys(reference="ord-1")
    other = {
        "payer": PayerKept(payer_key="c_18", payer_id="c_18"),
        "instrument": Instrument(instrument_id="ins_2"),
        "device": DeviceKept(device_id="d_2"),
    }
    assert one.isdisjoint(keys(**other, reference="ord-2"))
    for left_out in other:
        rest = {name: value for name, value in other.items() if name != left_out}
        assert len(one & keys(**rest)) == 1
    assert len(one & keys(**other, reference="ord-1")) == 1
    assert one.isdisjoint(keys(**other, payee=Payee(payee_id="p_77")))
