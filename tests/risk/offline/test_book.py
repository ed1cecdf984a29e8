"""The handbook's features, counted out row by row."""

import numpy as np

from risk.offline.book import DAY_S, DELAY_DAYS, WINDOWS_DAYS, book_features
from risk.offline.columns import Columns


def history(rows):
    random = np.random.default_rng(5)
    second = np.sort(random.integers(1_530_000_000, 1_530_000_000 + 60 * DAY_S, rows))
    return Columns(
        second=second,
        amount_minor=random.integers(1, 20_000, rows),
        currency=np.zeros(rows, np.int64),
        is_declined=np.zeros(rows, np.int64),
        keys={"payer": random.integers(0, 8, rows), "payee": random.integers(0, 8, rows)},
    ), random.random(rows) < 0.2


def test_each_feature_is_what_its_window_holds():
    columns, fraud = history(400)

    found = book_features(columns, fraud)

    assert len(found) == 15
    second, payer, payee = columns.second, columns.keys["payer"], columns.keys["payee"]
    for row in range(0, 400, 7):
        before = np.arange(400) <= row
        age = second[row] - second
        for days in WINDOWS_DAYS:
            own = before & (payer == payer[row]) & (age < days * DAY_S)
            assert found[f"payer_count_{days}d"][row] == own.sum()
            mean = columns.amount_minor[own].mean() / 100
            assert np.isclose(found[f"payer_mean_{days}d"][row], mean)
            old = before & (payee == payee[row]) & (age >= DELAY_DAYS * DAY_S)
            old &= age < (DELAY_DAYS + days) * DAY_S
            assert found[f"payee_count_{days}d"][row] == old.sum()
            risk = fraud[old].mean() if old.any() else 0.0
            assert np.isclose(found[f"payee_risk_{days}d"][row], risk)


def test_weekends_and_nights():
    # Saturday 2018-07-28 06:59, Monday 2018-07-30 07:00, UTC.
    columns, fraud = history(2)
    columns = columns._replace(second=np.array([1_532_761_140, 1_532_934_000]))

    found = book_features(columns, fraud)

    assert list(found["is_weekend"]) == [1.0, 0.0]
    assert list(found["is_night"]) == [1.0, 0.0]
