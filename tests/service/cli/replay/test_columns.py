import datetime as dt
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cli.replay.columns import ColumnMap, RowRefused, load_map
from service.cli.screen import Failure

ROOT = Path(__file__).resolve().parents[4]
NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)
ROW = {
    "TRANSACTION_ID": 7,
    "TX_DATETIME": dt.datetime(2018, 4, 1, 0, 2, 10),  # noqa: DTZ001  as the file holds it
    "CUSTOMER_ID": 4961,
    "TERMINAL_ID": 3412,
    "TX_AMOUNT": 81.51,
}
SMALLEST = """
[payment]
reference = "r-{id}"
kind = "purchase"
occurred_at = "{at}"
payer.payer_id = "{payer}"
payee.payee_id = "shop"
device.device_id = "{device}"
device.remote_access = false
amount.value = "{amount}"
amount.currency = "{currency}"
"""


def of(**columns: Any) -> dict[str, Any]:
    row = {"id": 1, "at": NOW, "payer": "lin", "device": "", "amount": "1", "currency": "CNY"}
    body = ColumnMap(tomllib.loads(SMALLEST), name="map").request({**row, **columns}, now=None)
    return body.body


def test_a_handbook_row_is_a_payment() -> None:
    request = load_map("handbook").request(ROW, now=None)

    assert request.body == {
        "reference": "handbook-7",
        "kind": "purchase",
        "occurred_at": "2018-04-01T00:02:10Z",
        "payer": {"payer_id": "customer-4961"},
        "payee": {"payee_id": "terminal-3412"},
        "amount": {"value": 8151, "currency": "CNY"},
    }


def test_an_amount_of_0_is_a_verification() -> None:
    request = load_map("handbook").request({**ROW, "TX_AMOUNT": 0.0}, now=None)

    assert request.body["kind"] == "verification"
    assert request.body["amount"]["value"] == 0


def test_now_takes_the_row_s_time_s_place() -> None:
    request = load_map("handbook").request(ROW, now=NOW)

    assert request.body["occurred_at"] == "2026-11-24T08:00:00Z"


def test_the_shipped_map_is_the_one_that_its_page_shows() -> None:
    page = (ROOT / "docs" / "replay.md").read_text()
    shown = page.partition("```toml\n")[2].partition("```")[0]
    shipped = ROOT / "service" / "cli" / "replay" / "maps" / "handbook.toml"

    assert tomllib.loads(shown) == tomllib.loads(shipped.read_text())


@given(st.integers(0, 10**9))
def test_a_float_of_whole_fen_becomes_exactly_those_fen(minor: int) -> None:
    body = of(amount=minor / 100)

    assert body["amount"]["value"] == minor


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("57.16", "CNY", 5_716),
        ("57.165", "CNY", 5_717),
        ("57.164", "CNY", 5_716),
        ("500", "JPY", 500),
        ("1.234", "KWD", 1_234),
        (146.0, "CNY", 14_600),
        (5, "CNY", 500),
        (" 12.50 ", "CNY", 1_250),
    ],
)
def test_major_units_become_minor_units_of_their_currency(
    amount: Any, currency: str, minor: int
) -> None:
    body = of(amount=amount, currency=currency)

    assert body["amount"] == {"value": minor, "currency": currency}


def test_a_rounded_amount_is_told() -> None:
    columns = ColumnMap(tomllib.loads(SMALLEST), name="map")
    row = {"id": 1, "at": NOW, "payer": "lin", "device": "", "currency": "CNY"}

    told = [
        columns.request({**row, "amount": one}, now=None).is_rounded for one in ("1.23", "1.234")
    ]

    assert told == [False, True]


@pytest.mark.parametrize("amount", ["", "-1", "nan", "inf", "1e400", "1e999999", "ten", "1e18"])
def test_what_is_no_amount_is_refused_at_once(amount: str) -> None:
    with pytest.raises(RowRefused, match=r"^amount"):
        of(amount=amount)


@pytest.mark.parametrize(
    ("at", "sent"),
    [
        ("2018-04-01 00:02:10", "2018-04-01T00:02:10Z"),
        ("2018-04-01T08:02:10+08:00", "2018-04-01T08:02:10+08:00"),
    ],
)
def test_a_time_without_an_offset_is_utc(at: str, sent: str) -> None:
    assert of(at=at)["occurred_at"] == sent


@pytest.mark.parametrize("at", ["", "yesterday", None])
def test_what_is_no_time_is_refused(at: str | None) -> None:
    with pytest.raises(RowRefused, match="occurred_at"):
        of(at=at)


def test_an_empty_column_leaves_its_field_out() -> None:
    assert of(device="")["device"] == {"remote_access": False}
    assert of(device=None)["device"] == {"remote_access": False}


def test_a_reference_made_from_an_empty_column_is_refused() -> None:
    with pytest.raises(RowRefused, match="reference"):
        of(id=None)


def test_a_map_names_its_columns_once_each() -> None:
    columns = ColumnMap(tomllib.loads(SMALLEST), name="map").columns

    assert columns == ("id", "at", "payer", "device", "amount", "currency")


@pytest.mark.parametrize(
    "text",
    ["payment = 1", "[payment]\nkind = 'x'", "[payments]", "[payment]\n[extra]", "no toml at all"],
)
def test_what_is_no_map_is_told_with_a_next_step(text: str, tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(text)

    with pytest.raises(Failure) as failed:
        load_map(str(file))

    assert failed.value.code == "map_invalid"
    assert "docs/replay.md" in failed.value.then


def test_a_map_says_whether_its_payments_are_made_up() -> None:
    assert load_map("simulated").origin == "simulated"
    assert load_map("handbook").origin == "trained"


def test_an_origin_that_there_is_not_is_refused() -> None:
    with pytest.raises(Failure, match="origin"):
        ColumnMap({**tomllib.loads(SMALLEST), "origin": "Simulated"}, name="map")


def test_a_map_that_is_not_there_is_told_with_those_that_are() -> None:
    with pytest.raises(Failure, match="cannot be read") as failed:
        load_map("nowhere.toml")

    assert re.search(r"\bhandbook\b", failed.value.then)


FLAGGED = """
[payment]
reference = "{id}"
kind = "purchase"
occurred_at = "{at}"
amount.value = "{amount}"
amount.currency = "CNY"
payee.payee_id = "shop"
payer.payer_id = "lin"
device.call_active = "{call}"
balance_before.value = "{balance}"
balance_before.currency = "CNY"
"""


def flagged(call: Any, balance: Any) -> dict[str, Any]:
    columns = ColumnMap(tomllib.loads(FLAGGED), name="map")
    row = {"id": 1, "at": NOW, "amount": "1", "call": call, "balance": balance}
    return columns.request(row, now=None).body


@pytest.mark.parametrize(
    ("told", "value"), [("true", True), ("False", False), ("1", True), ("0", False), (True, True)]
)
def test_a_flag_is_a_flag_whatever_kind_of_file_holds_it(told: Any, value: bool) -> None:
    assert flagged(told, "")["device"] == {"call_active": value}


def test_a_flag_that_is_none_is_refused() -> None:
    with pytest.raises(RowRefused, match="call_active"):
        flagged("maybe", "")


def test_a_balance_becomes_minor_units_and_is_left_out_where_there_is_none() -> None:
    assert flagged("", "120.50")["balance_before"] == {"value": 12_050, "currency": "CNY"}
    assert "balance_before" not in flagged("", "")
