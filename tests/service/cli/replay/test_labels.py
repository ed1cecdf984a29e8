"""The table `label` of a column map: which rows have a label, and since when it is known."""

import datetime as dt
from typing import Any

import pytest

from service.cli.replay.columns import ColumnMap, RowRefused, load_map
from service.cli.replay.labels import Label
from service.cli.screen import Failure

PAYMENT = {
    "reference": "r-{ID}",
    "kind": "purchase",
    "occurred_at": "{AT}",
    "payer": {"payer_id": "{WHO}"},
    "payee": {"payee_id": "shop"},
    "amount": {"value": "{SUM}", "currency": "CNY"},
}
LABEL = {
    "source": "bank",
    "external_id": "case-{CASE}",
    "intent": "{WHAT}",
    "intents": {"stolen": "unauthorized"},
}
ROW = {"ID": 1, "AT": "2026-01-02T00:00:00Z", "WHO": "lin", "SUM": "1", "CASE": 7}


def label(told: dict[str, Any], **row: Any) -> Label | None:
    mapped = ColumnMap({"payment": PAYMENT, "label": {**LABEL, **told}}, name="test")
    found = {**ROW, "WHAT": "stolen", **row}
    return mapped.labelled(mapped.request(found, now=None), found).label


def test_a_label_is_known_so_long_after_its_payment() -> None:
    found = label({"known_after_s": 86_400})

    assert found is not None
    assert found.body("pay_1") == {
        "payment_id": "pay_1",
        "intent": "unauthorized",
        "source": "bank",
        "external_id": "case-7",
        "known_at": "2026-01-03T00:00:00Z",
    }


def test_or_when_a_column_says_so() -> None:
    found = label({"known_at": "{KNOWN}"}, KNOWN=dt.datetime(2026, 1, 5))  # noqa: DTZ001  as files have it

    assert found is not None
    assert found.known_at == dt.datetime(2026, 1, 5, tzinfo=dt.UTC)


@pytest.mark.parametrize("what", ["fine", "", None])
def test_a_row_that_says_anything_else_has_none(what: str | None) -> None:
    assert label({"known_after_s": 0}, WHAT=what) is None


@pytest.mark.parametrize(
    ("told", "row"),
    [({"known_after_s": 0}, {"CASE": ""}), ({"known_at": "{KNOWN}"}, {"KNOWN": ""})],
)
def test_a_label_without_a_name_or_time_is_refused(told: dict[str, Any], row: Any) -> None:
    with pytest.raises(RowRefused, match="label"):
        label(told, **row)


@pytest.mark.parametrize(
    "told", [{}, {"known_after_s": 1, "known_at": "{AT}"}, {"known_after_s": -1}]
)
def test_a_map_says_in_one_way_when_a_label_is_known(told: dict[str, Any]) -> None:
    with pytest.raises(Failure, match="known_a"):
        label(told)


def test_the_handbook_s_fraud_is_unauthorized_and_needs_one_column_more() -> None:
    mapped = load_map("handbook")

    assert mapped.label_columns == ("TX_FRAUD",)
    assert "TX_FRAUD" not in mapped.columns


def test_an_intent_that_there_is_not_is_no_map() -> None:
    misspelt = LABEL | {"intents": {"1": "fraud"}, "known_after_s": 60}

    with pytest.raises(Failure, match=r"'fraud' - at `\$.label.intents") as failed:
        ColumnMap({"payment": PAYMENT, "label": misspelt}, name="test")

    assert failed.value.code == "map_invalid"
