"""A file as columns is what its rows are one by one."""

import csv
import datetime as dt
import io
from collections import defaultdict

import numpy as np
import pytest

from risk.offline.columns import ABSENT
from risk.offline.history import Told, circumstances
from risk.rules.fields import make_fields, make_read
from risk.strategy import load_strategy
from risk.vectors import entities
from service.cli.backtest.history import Loaded, facts_of, load_history
from service.cli.replay.columns import ColumnMap, RowRefused, load_map

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MAP = {
    "payment": {
        "reference": "{a}-{b}",
        "kind": "{kind}",
        "occurred_at": "{at}",
        "amount": {"value": "{amount}", "currency": "{currency}"},
        "payee": {"payee_id": "{a}{b}"},
        "payer": {"payer_id": "{payer}", "email": "{email}", "phone": "{phone}"},
        "device": {"device_id": "{device}", "ip": "{ip}"},
        "instrument": {"instrument_id": "{b}", "type": "card", "bin": "{bin}"},
    },
    "zero": {"kind": "verification"},
}
COLUMNS = ColumnMap(MAP, name="test")


def rows(count: int, *, seed: int) -> dict[str, list[str]]:
    random = np.random.default_rng(seed)

    def some(*values: str) -> list[str]:
        return [str(one) for one in random.choice(values, count)]

    at = [
        (EPOCH + dt.timedelta(seconds=int(one))).isoformat()
        for one in random.integers(1_600_000_000, 1_600_100_000, count)
    ]
    return {
        "a": some("1", "12"),
        "b": some("3", "23"),
        "kind": some("purchase", "payout", "gift"),
        "at": [
            one if chance < 0.95 else "never"
            for one, chance in zip(at, random.random(count), strict=True)
        ],
        "amount": some("0", "0.00", "1.5", "57.165", "x", "12"),
        "currency": some("CNY", "USD", "JPY"),
        "payer": some("", "c_1", "c_2", "c_" + 70 * "x"),
        "email": some("", "lin@example.com", "LIN@example.com", "wu@example.com", "wu@"),
        "phone": some("", "+86 100 0000", "+861000000"),
        "device": some("", "d_1"),
        "ip": some("", "203.0.113.7", "203.0.113.9", "198.51.100.1"),
        "bin": some("", "400000"),
    }


def taken(values: dict[str, list[str]]) -> list[int]:
    """Return the rows that the door would take, in the order of their times."""
    found = []
    for row in range(len(values["a"])):
        try:
            facts = facts_of(
                COLUMNS.request(
                    {name: column[row] for name, column in values.items()}, now=None
                ).body
            )
        except RowRefused:
            continue
        found.append((facts.occurred_at, row))
    return [row for _, row in sorted(found)]


@pytest.mark.parametrize("seed", [1, 2])
def test_columns_are_what_the_rows_are(seed: int) -> None:
    values = rows(300, seed=seed)

    loaded = load_history(values, COLUMNS, preset="CN")

    assert list(loaded.row) == taken(values)
    assert loaded.refused == 300 - len(loaded.row)
    columns, named = loaded.history.columns, defaultdict(dict)
    for row in range(loaded.history.size):
        facts = loaded.history.facts(row)
        assert columns.second[row] == (facts.occurred_at - EPOCH) // dt.timedelta(seconds=1)
        assert columns.amount_minor[row] == facts.amount_minor
        found = dict(entities(facts))
        for entity, numbers in columns.keys.items():
            assert (numbers[row] == ABSENT) == (entity not in found)
            if entity in found:
                # One number for one key, and one key for one number.
                assert named[entity].setdefault(int(numbers[row]), found[entity]) == found[entity]
    for entity, keys in named.items():
        assert len(set(keys.values())) == len(keys), entity


@pytest.mark.parametrize("template", ["{date}T{time}", "{date} {time}Z", "{date}T00:00:31Z"])
def test_a_time_may_be_made_of_texts_and_columns(template: str) -> None:
    values = rows(3, seed=1) | {
        "date": ["2026-01-02", "2026-01-01", ""],
        "time": ["00:00:31", "00:00:31", "00:00:31"],
        "payer": ["c_1"] * 3,
        "amount": ["1"] * 3,
        "kind": ["purchase"] * 3,
        "email": [""] * 3,
    }
    columns = ColumnMap(MAP | {"payment": MAP["payment"] | {"occurred_at": template}}, name="test")

    loaded = load_history(values, columns, preset="CN")

    assert list(loaded.row) == [1, 0]
    told = loaded.history.columns.second.astype("datetime64[s]").astype(str)
    assert list(told) == ["2026-01-01T00:00:31", "2026-01-02T00:00:31"]


ALONE = {
    "reference": ("{it}", "订单"),
    "parent_id": ("{it}", "支付"),
    "retry_of": ("{it}", 65 * "x"),
    "payee": ({"payee_id": "shop", "name": "{it}"}, 141 * "店"),
    "payer": ({"payer_id": "lin", "email": "{it}"}, 300 * "x" + "@example.com"),
    "device": ({"user_agent": "{it}"}, 513 * "x"),
    "instrument": ({"bin": "{it}"}, "400"),
    "order": ({"order_id": "{it}"}, "订单"),
    "metadata": ({"note": "{it}"}, 501 * "x"),
}


@pytest.mark.parametrize("field", ALONE)
@pytest.mark.parametrize("place", [0, 2])
def test_a_row_that_the_door_refuses_takes_no_other_with_it(field: str, place: int) -> None:
    template, bad = ALONE[field]
    sound = {"payer": "lin@example.com", "instrument": "400000"}.get(field, "x_1")
    values = {name: column[:1] * 4 for name, column in rows(1, seed=1).items()}
    values |= {"kind": ["purchase"] * 4, "amount": ["1"] * 4, "at": ["2026-01-01"] * 4}
    values |= {"payer": ["c_1"] * 4, "email": [""] * 4, "it": [sound] * 4}
    values["it"][place] = bad
    columns = ColumnMap(MAP | {"payment": MAP["payment"] | {field: template}}, name="test")

    loaded = load_history(values, columns, preset="CN")

    assert list(loaded.row) == [row for row in range(4) if row != place]
    assert loaded.refused == 1
    assert [loaded.history.facts(row).kind for row in range(3)] == ["purchase"] * 3


FIELDS = {
    "kind": "kind",
    "amount.currency": "currency",
    "payer.payer_id": "payer_id",
    "payee.payee_id": "payee_id",
    "device.device_id": "device_id",
    "instrument.bin": "instrument_bin",
    "instrument.type": "instrument_type",
}


@pytest.mark.parametrize(("path", "name"), FIELDS.items())
def test_a_field_has_one_number_for_each_value(path: str, name: str) -> None:
    history = load_history(rows(300, seed=3), COLUMNS, preset="CN").history
    found: dict[int, object] = {}

    for row in range(history.size):
        value = getattr(history.facts(row), name)
        number = int(history.told[path][row])
        assert (number == ABSENT) == (value is None)
        assert found.setdefault(number, value) == value
    assert len(set(found.values())) == len(found)


@pytest.mark.parametrize("is_numbers", [True, False])
def test_ages_are_cut_to_seconds_once_they_are_ages(is_numbers: bool) -> None:
    at = [f"2026-01-01T00:00:{second}" for second in ("10.9", "10.2", "10.5", "11", "09.999999")]
    created = "2026-01-01T00:00:08.9"
    values = {name: column[:1] * 5 for name, column in rows(1, seed=1).items()}
    values |= {"kind": ["purchase"] * 5, "amount": ["1"] * 5, "created": [created] * 5}
    values["at"] = np.array(at, "datetime64[ns]") if is_numbers else at
    payer = {"payer_id": "lin", "account_created_at": "{created}Z"}
    columns = ColumnMap(MAP | {"payment": MAP["payment"] | {"payer": payer}}, name="test")
    strategy = load_strategy()
    fields, preset = make_fields(strategy.features), strategy.preset("CN")

    history = load_history(values, columns, preset="CN").history

    found = Told(history, strategy).column("account_age_s").values.tolist()
    read = make_read(("account_age_s",), fields)
    online = []
    for row in range(history.size):
        facts = history.facts(row)
        known = circumstances(facts, "CN", is_new=False)
        online.append(read(facts, known, preset)[0])
    assert found == online
    assert sorted(found) == [1, 1, 1, 2, 2]


def test_what_no_two_payments_share_has_no_numbers() -> None:
    history = load_history(rows(10, seed=4), COLUMNS, preset="CN").history

    assert not {"reference", "occurred_at", "amount.value"} & history.told.keys()


def test_the_handbooks_map_reads_a_file_of_texts() -> None:
    head = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT"
    [row] = csv.DictReader(io.StringIO(f"{head}\n1,2018-04-01 00:00:31,5,6,57.16\n"))

    loaded: Loaded = load_history(
        {name: [value] for name, value in row.items()}, load_map("handbook"), preset="CN"
    )

    facts = loaded.history.facts(0)
    assert (facts.payer_id, facts.payee_id, facts.amount_minor) == (
        "customer-5",
        "terminal-6",
        5_716,
    )
