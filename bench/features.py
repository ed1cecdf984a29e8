"""`python -m bench.features`: what it costs to read and update all features of a payment.

Ours is what the writer does: the vector from the states of eleven entities, what the payment adds
to them in a command's own overlay, and the commit to the cache. Beside it the floor, a plain
dictionary of counters, and, where the package `feast` can be imported, its read of 30 features over
6 views from its store on SQLite, in the same process. Feast is no dependency: an environment of its
own with `feast`, `msgspec` and `sqlalchemy` can run this file. All sides take turns of a hundred
payments; figures are medians. Rewrites its table in bench/README.md when asked to. Ends with 1
where the goal was missed.
"""

import argparse
import datetime as dt
import importlib.metadata
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.tables import conclude, judged, table, writing
from risk.facts import Facts
from risk.feature import load_features
from risk.vectors import entities, observations, vector
from service.state.cache import EntityCache, Overlay
from service.state.codec import WindowStates
from service.state.entities import EntityKey, Observation

FEATURES = load_features()
GOAL = ">= 40"
DAYS = 40
PAYERS = 300
TURN = 100
VIEWS = ("payer", "device", "payee", "instrument", "email", "merchant")
BEGIN = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
STAGES = ("read", "add", "commit")


class Row(NamedTuple):
    """One payment, before it is known by eleven names."""

    at: dt.datetime
    payer: int
    payee: int
    amount_minor: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=24_000)
    parser.add_argument("--measured", type=int, default=4_000, help="the last so many of them")
    parser.add_argument("--history", type=Path, help="published transactions, as Parquet")
    writing(parser)
    given = parser.parse_args()
    rows = list(published(given.history, given.payments) if given.history else made(given.payments))
    with tempfile.TemporaryDirectory() as folder:
        text = measured(rows, given.measured, feast_read(Path(folder)))
    return conclude(given, "features", text)


def made(payments: int) -> Iterator[Row]:
    """Yield payments of payers of whom each pays twice a day; one in twenty comes late."""
    chance = random.Random(1)
    step_s = DAYS * 86_400 / payments
    for number in range(payments):
        late_s = chance.randrange(3_600) if number % 20 == 7 else 0
        yield Row(
            BEGIN + dt.timedelta(seconds=int(number * step_s) - late_s),
            chance.randrange(PAYERS),
            int(chance.paretovariate(0.7)) % 200,
            100 + chance.randrange(80_000),
        )


def published(path: Path, payments: int) -> Iterator[Row]:
    """Yield transactions of the handbook's columns: of every tenth payer, in their order."""
    import pyarrow.parquet

    names = ["TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT"]
    sent = 0
    for group in pyarrow.parquet.ParquetFile(path).iter_batches(columns=names):
        for at, payer, payee, amount in zip(*(one.to_pylist() for one in group), strict=True):
            if int(payer) % 10 == 3 and sent < payments:
                sent += 1
                yield Row(at.replace(tzinfo=dt.UTC), int(payer), int(payee), round(amount * 100))


def facts_of(row: Row) -> Facts:
    payer = row.payer
    return Facts(
        stage="pre_payment",
        occurred_at=row.at,
        kind="purchase",
        amount_minor=row.amount_minor,
        currency="CNY",
        payer_key=f"c_{payer}",
        payee_id=f"p_{row.payee}",
        device_id=f"d_{payer}",
        instrument_id=f"i_{payer}",
        email_key=f"e_{payer}",
        phone_key=f"f_{payer}",
        shipping_address_id=f"a_{payer}",
        instrument_bin=f"{621700 + payer % 40}",
        merchant_id="m",
        ip_keys=("8", "16", f"n_{payer // 4}", f"x_{payer}"),
    )


class Ours:
    """The writer's way, without its handlers and its store."""

    def __init__(self) -> None:
        self.cache = EntityCache(WindowStates(), bytes_max=1 << 30)
        self.sequence = 0

    def pay(self, facts: Facts) -> dict[str, int]:
        """Read, add, commit; return nanoseconds of each."""
        clock = time.perf_counter_ns
        keys = {one: EntityKey("t", "live", *one) for one in entities(facts)}
        for key in self.cache.missing(keys.values()):
            self.cache.load(key, [])
        seen = [
            (
                keys[one.kind, one.key],
                Observation(
                    kind=one.kind,
                    key=one.key,
                    at=one.at,
                    amount_minor=one.amount_minor,
                    currency=one.currency,
                    is_declined=one.is_declined,
                    others=one.others,
                ),
            )
            for one in observations(facts, is_declined=facts.amount_minor % 20 == 0)
        ]
        batch = Overlay(self.cache)
        start = clock()
        vector(facts, {one: batch.get(key) for one, key in keys.items()}, FEATURES)
        read = clock()
        own = Overlay(batch)
        for key, one in seen:
            own.add(key, one)
        batch.join(own)
        added = clock()
        self.sequence += 1
        self.cache.commit(batch.states, first=self.sequence, last=self.sequence)
        return dict(zip(STAGES, (read - start, added - read, clock() - added), strict=True))


def floor(counters: dict[tuple[str, str], int], keys: list[tuple[str, str]]) -> None:
    """Read and update as many plain counters, which know no window."""
    for key in keys:
        counters[key] = counters[key] + 1


def feast_read(folder: Path) -> Callable[[int], Any] | None:
    """Return what reads 30 features of 6 views for one payment; None without the package."""
    try:
        import feast
        import pandas as pd
        from feast.types import Int64
    except ImportError:
        return None
    config = feast.RepoConfig(
        project="bench",
        registry=str(folder / "registry.db"),
        provider="local",
        online_store={"type": "sqlite", "path": str(folder / "online.db")},
        entity_key_serialization_version=3,
    )
    store = feast.FeatureStore(config=config)
    frames = {}
    for view in VIEWS:
        columns = [f"{view}_{number}" for number in range(5)]
        frame = pd.DataFrame(
            {
                view: [str(key) for key in range(PAYERS)],
                "at": BEGIN,
                **dict.fromkeys(columns, range(PAYERS)),
            }
        )
        frame.to_parquet(folder / f"{view}.parquet")
        entity = feast.Entity(name=view, join_keys=[view])
        source = feast.FileSource(path=str(folder / f"{view}.parquet"), timestamp_field="at")
        schema = [feast.Field(name=name, dtype=Int64) for name in columns]
        frames[view] = frame
        store.apply([entity, feast.FeatureView(
            name=f"{view}_view", entities=[entity], schema=schema, source=source, ttl=None
        )])  # fmt: skip
    for view, frame in frames.items():
        store.write_to_online_store(f"{view}_view", frame)
    names = [f"{view}_view:{view}_{number}" for view in VIEWS for number in range(5)]

    def read(payer: int) -> Any:
        rows = [dict.fromkeys(VIEWS, str(payer % PAYERS))]
        return store.get_online_features(features=names, entity_rows=rows).to_dict()

    assert read(7)["payer_4"] == [7]
    return read


def measured(rows: list[Row], tail: int, other: Callable[[int], Any] | None) -> str:
    """Send every payment to all sides, some at a time; return the table of the last ones."""
    ours, times = Ours(), defaultdict(list)
    counters: dict[tuple[str, str], int] = defaultdict(int)
    clock = time.perf_counter_ns
    for begin in range(0, len(rows), TURN):
        turn = rows[begin : begin + TURN]
        facts = [facts_of(row) for row in turn]
        found = [ours.pay(one) for one in facts]
        for one, took in zip(facts, found, strict=True):
            own = dict(entities(one))
            keys = [(feature.name, own[feature.entity]) for feature in FEATURES.features]
            start = clock()
            floor(counters, keys)
            took["floor"] = clock() - start
            took["all"] = sum(took[stage] for stage in STAGES)
        if begin + TURN <= len(rows) - tail:
            continue
        for row, took in zip(turn, found, strict=True):
            if other is not None:
                start = clock()
                other(row.payer)
                took["feast"] = clock() - start
            for stage, ns in took.items():
                times[stage].append(ns / 1e3)
    return told(times, len(rows))


def told(times: dict[str, list[float]], payments: int) -> str:
    """Return the table of microseconds, and the ratio to the goal."""
    middle = {stage: statistics.median(found) for stage, found in times.items()}
    names = {
        "read": f"read {len(FEATURES.features)} features",
        "add": f"added to {len(FEATURES.plans)} entities",
        "commit": "committed to the cache",
        "all": "**read and updated**",
        "floor": f"floor: {len(FEATURES.features)} counters in a dictionary",
        "feast": "Feast: 30 features of 6 views read, SQLite",
    }
    lines = [
        (name, f"{middle[stage]:.1f}", f"{statistics.quantiles(times[stage], n=20)[-1]:.1f}",
         f"{middle[stage] / middle['all']:.2f}")
        for stage, name in names.items() if stage in middle
    ]  # fmt: skip
    found = table(("what", "median us", "95 % below us", "to ours"), lines)
    versions = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    if "feast" in middle:
        versions += f", feast {importlib.metadata.version('feast')}"
        end = verdict(middle["feast"] / middle["all"])
    else:
        end = "Feast was not there: run this file with an environment that has `feast`."
    return f"{versions}; the last {len(times['all'])} of {payments} payments.\n\n{found}\n\n{end}"


def verdict(ratio: float) -> str:
    """Return whether Feast's time is as many times ours as it should be."""
    return f"Feast / ours {ratio:.1f}; goal {judged(ratio, GOAL)}."


if __name__ == "__main__":
    raise SystemExit(main())
