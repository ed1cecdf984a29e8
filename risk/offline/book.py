"""The fifteen features of the Fraud Detection Handbook, to try a trainer on what its book measured.

Written after the book's text (Le Borgne et al., 2022, chapter 3). They serve no judgement: their
fraud counts are exact only where every label takes as long.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from risk.offline.columns import Columns

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
DAY_S: Final = 86_400
HOUR_S: Final = 3_600
WINDOWS_DAYS: Final = (1, 7, 30)
DELAY_DAYS: Final = 7
NIGHT_HOUR_MAX: Final = 6
# 1970-01-01 was a Thursday, the fourth day of a week that begins on Monday.
_WEEKDAY_OF_DAY_0: Final = 3
_SATURDAY: Final = 5
_WEEK: Final = 7


def book_features(columns: Columns, fraud: Flags) -> dict[str, Floats]:
    """Return the book's features by name, each of shape (n,).

    Args:
        columns: The history, in the order of event times.
        fraud: What each payment was; read with the book's delay.
    """
    amount = columns.amount_minor / 100.0
    day = columns.second // DAY_S
    hour = columns.second % DAY_S // HOUR_S
    weekday = (day + _WEEKDAY_OF_DAY_0) % _WEEK
    found = {
        "amount": amount,
        "is_weekend": (weekday >= _SATURDAY).astype(np.float64),
        "is_night": (hour <= NIGHT_HOUR_MAX).astype(np.float64),
    }
    payer = _Rolling(columns.keys["payer"], columns.second)
    payee = _Rolling(columns.keys["payee"], columns.second)
    for days in WINDOWS_DAYS:
        count = payer.sum(np.ones(len(amount)), days * DAY_S)
        found[f"payer_count_{days}d"] = count
        found[f"payer_mean_{days}d"] = payer.sum(amount, days * DAY_S) / count
    for days in WINDOWS_DAYS:
        count, bad = (
            payee.sum(one, (DELAY_DAYS + days) * DAY_S) - payee.sum(one, DELAY_DAYS * DAY_S)
            for one in (np.ones(len(amount)), fraud.astype(np.float64))
        )
        found[f"payee_count_{days}d"] = count
        found[f"payee_risk_{days}d"] = np.where(count > 0, bad / np.maximum(count, 1.0), 0.0)
    return found


class _Rolling:
    """Sums over the newest rows of one key, the row itself included."""

    def __init__(self, key: Ints, second: Ints) -> None:
        self._order = np.argsort(key, kind="stable")
        by_key = key[self._order]
        is_next = by_key[1:] != by_key[:-1]
        group = np.r_[0, np.cumsum(is_next)]
        span = int(second.max() - second.min()) + 1
        self._reach = 2 * span + 40 * DAY_S
        self._time = group * self._reach + (second[self._order] - int(second.min()))
        self._first = np.r_[0, np.flatnonzero(is_next) + 1][group]

    def sum(self, values: Floats, window_s: int) -> Floats:
        """Return sums over the rows that are younger than the window."""
        low = np.searchsorted(self._time, self._time - window_s, side="right")
        start = np.maximum(low, self._first)
        total = np.r_[0.0, np.cumsum(values[self._order])]
        found = np.empty(len(values))
        found[self._order] = total[1:] - total[start]
        return found
