"""What a file says of its payments, by its map, however it writes it."""

import numpy as np
import pytest

from risk.offline.columns import ABSENT
from risk.offline.outcomes import INTENTS
from service.cli.backtest.history import load_history
from service.cli.backtest.labels import outcomes_of
from service.cli.replay.columns import ColumnMap

PAYMENT = {
    "reference": "r-{id}",
    "kind": "purchase",
    "occurred_at": "{at}",
    "amount": {"value": "{amount}", "currency": "CNY"},
    "payee": {"payee_id": "p"},
    "payer": {"payer_id": "c"},
}
LABEL = {
    "source": "s",
    "external_id": "{id}",
    "intent": "{what}",
    "intents": {"F": "unauthorized", "S": "scam", "ok": "normal"},
}
ROWS = {
    "id": ["0", "1", "2", "3", "4"],
    # Out of order, and one that is no payment.
    "at": ["2026-01-02T00:00:00", "2026-01-01T00:00:00", "never", "2026-01-04", "2026-01-03"],
    "amount": ["1", "2", "3", "4", "5"],
    "what": ["F", "ok", "F", "S", "other"],
    "found": ["2026-02-01", "2026-02-02", "2026-02-03", "", "2026-02-05"],
}


def outcomes(values, **label):
    columns = ColumnMap({"payment": PAYMENT, "label": LABEL | label}, name="test")
    loaded = load_history(values, columns, preset="CN")
    assert list(loaded.row) == [1, 0, 4, 3]
    return outcomes_of(values, columns.label, loaded), loaded.history.columns.second


def named(found):
    return [None if one == ABSENT else INTENTS[one] for one in found.intent]


def test_a_label_is_known_so_long_after_its_payment():
    found, second = outcomes(ROWS, known_after_s=60)

    assert named(found) == ["normal", "unauthorized", None, "scam"]
    assert list(found.known - second) == [60, 60, 60, 60]


def test_a_label_has_its_own_time_or_is_none():
    found, _ = outcomes(ROWS, known_at="{found}")

    # The scam has no time at which it became known, so nobody knows of it.
    assert named(found) == ["normal", "unauthorized", None, None]
    told = found.known[found.is_told].astype("datetime64[s]").astype(str)
    assert list(told) == ["2026-02-02T00:00:00", "2026-02-01T00:00:00"]


def test_a_time_may_be_made_of_more_than_a_column():
    found, _ = outcomes(ROWS, known_at="{found}T06:00:00Z")

    told = found.known[found.is_told].astype("datetime64[s]").astype(str)
    assert list(told) == ["2026-02-02T06:00:00", "2026-02-01T06:00:00"]


@pytest.mark.parametrize("unit", ["s", "ns"])
def test_times_of_a_parquet_file_are_numbers(unit):
    at = np.array(["2026-01-02", "2026-01-01", "NaT", "2026-01-04", "2026-01-03"])
    days = np.array([f"2026-02-0{one}" for one in range(1, 6)], f"datetime64[{unit}]")
    values = ROWS | {"at": [str(one) for one in at], "found": days}

    found, _ = outcomes(values, known_at="{found}")

    told = found.known[found.is_told].astype("datetime64[s]").astype(str)
    assert [one[:10] for one in told] == ["2026-02-02", "2026-02-01", "2026-02-04"]
