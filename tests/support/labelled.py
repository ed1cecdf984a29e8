"""Made-up labelled payments in the handbook's columns: fraud is large for its payer, mostly."""

import csv
import datetime as dt
from pathlib import Path

import numpy as np

HEAD = ("TRANSACTION_ID", "TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT", "TX_FRAUD")
START = dt.datetime(2018, 4, 1)  # noqa: DTZ001  as the handbook's file writes it


def payments(count: int, *, seed: int, days: int = 30) -> list[dict[str, str]]:
    """Return rows by time.

    Args:
        count: How many.
        seed: Of everything.
        days: Over how long.
    """
    random = np.random.default_rng(seed)
    usual = random.uniform(10, 100, 40)
    second = np.sort(random.integers(0, days * 86_400, count))
    payer = random.integers(0, len(usual), count)
    fraud = random.random(count) < 0.08
    amount = usual[payer] * random.lognormal(0.0, 0.3, count)
    # A part of the fraud looks like anything else, so that nothing tells it all.
    amount = np.where(fraud & (random.random(count) < 0.8), 4.0 * amount, amount)
    return [
        {
            "TRANSACTION_ID": str(number),
            "TX_DATETIME": str(START + dt.timedelta(seconds=int(second[number]))),
            "CUSTOMER_ID": str(payer[number]),
            "TERMINAL_ID": str(random.integers(0, 20)),
            "TX_AMOUNT": f"{amount[number]:.2f}",
            "TX_FRAUD": str(int(fraud[number])),
        }
        for number in range(count)
    ]


def written(file: Path, rows: list[dict[str, str]]) -> Path:
    """Write rows as CSV."""
    with file.open("w", newline="") as opened:
        writer = csv.DictWriter(opened, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return file
