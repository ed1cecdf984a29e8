"""Online and offline are one definition: a history through both, no mismatch."""

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from risk.amounts import NORMAL_MAX_MILLI
from risk.entity_state import EntityState
from risk.facts import Facts
from risk.feature import (
    WINDOWS,
    Entity,
    FeatureSet,
    Other,
    declare,
    load_features,
    make_feature_set,
    name_of,
)
from risk.offline.columns import ABSENT, MISSING, Columns, Labels, compute
from risk.plan import MAY_BE_OF, MUST_BE_OF, NOTHING, WINDOWED, Aggregate
from risk.vectors import Missing, entities, observations, vector
from risk.windows import LATE_S

FEATURES = load_features()
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
KINDS = {
    "payer": "payer_key",
    "payee": "payee_id",
    "device": "device_id",
    "instrument": "instrument_id",
    "email": "email_key",
    "phone": "phone_key",
    "address": "shipping_address_id",
    "bin": "instrument_bin",
    "issuer_country": "instrument_issuer_country",
    "merchant": "merchant_id",
}


# More than an entity keeps sums of.
CURRENCIES = ("CNY", "USD", "EUR", "JPY", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "CZK", "HUF")


def columns_of(rows: int, *, seed: int, late_s: int = 0) -> Columns:
    """Return a history of few enough keys that all of them come often.

    Args:
        rows: How many.
        seed: Of everything that is chosen by chance.
        late_s: How much earlier than another before it a row may be.
    """
    random = np.random.default_rng(seed)

    def keys(most: int, absent: float) -> np.ndarray:
        return np.where(random.random(rows) < absent, ABSENT, random.integers(0, most, rows))

    network = keys(6, 0.2)
    step = random.choice([0, 1, 30, 600, 20_000], rows)
    return Columns(
        second=1_700_000_000 + np.cumsum(step) - random.integers(0, late_s + 1, rows),
        amount_minor=random.integers(0, 100_000, rows),
        currency=random.integers(0, 2, rows),
        is_declined=random.integers(-1, 2, rows),
        keys={
            **{kind: keys(12, 0.0 if kind in {"payer", "payee"} else 0.3) for kind in KINDS},
            "merchant": np.zeros(rows, np.int64),
            "ip": np.where(network == ABSENT, ABSENT, network * 3 + random.integers(0, 3, rows)),
            "ip_24": network,
        },
    )


def with_labels(columns: Columns, *, seed: int) -> Columns:
    """Tell labels of a part of the rows, some twice and otherwise, soon or late, in any order."""
    random = np.random.default_rng(seed)
    rows = len(columns.second)
    row = random.integers(0, rows - 1, rows // 3)
    after = np.minimum(row + 1 + random.integers(0, rows // 3, len(row)), rows)
    order = np.argsort(after, kind="stable")
    row, after = row[order], after[order]
    known = columns.second[row] + random.integers(0, 20 * 86_400, len(row))
    return columns._replace(
        labels=Labels(row, after, known, (random.random(len(row)) < 0.7).astype(np.int64))
    )


def tell(
    columns: Columns,
    label: int,
    states: dict[tuple[str, str], EntityState],
    ratio: int,
    told_to: set[Any],
) -> None:
    """Tell a label to the states as the service does: with all that is known of the payment."""
    labels, row = columns.labels, int(columns.labels.row[label])
    told = [one for one in range(label + 1) if labels.row[one] == row]
    told.sort(key=lambda one: int(labels.known[one]))
    said = [(int(labels.known[one]), bool(labels.is_fraud[one])) for one in told]
    facts = facts_of(columns, row)
    for kind, key in entities(facts):
        if kind in told_to:
            states[kind, key].tell(
                facts.occurred_at, str(row), said, was_normal=0 <= ratio <= NORMAL_MAX_MILLI
            )


def facts_of(columns: Columns, row: int) -> Facts:
    keys = {kind: int(column[row]) for kind, column in columns.keys.items()}
    named = {
        field: None if keys.get(kind, ABSENT) == ABSENT else str(keys[kind])
        for kind, field in KINDS.items()
    }
    has_network = keys.get("ip", ABSENT) != ABSENT
    return Facts(
        stage="pre_payment",
        occurred_at=EPOCH + dt.timedelta(seconds=int(columns.second[row])),
        kind="purchase",
        amount_minor=int(columns.amount_minor[row]),
        currency=CURRENCIES[columns.currency[row]],
        ip_keys=("8", "16", str(keys["ip_24"]), str(keys["ip"])) if has_network else (),
        **named,
    )


def mismatches(
    columns: Columns, features: FeatureSet = FEATURES, *, pack_every: int | None = None
) -> list[tuple[int, str, object, int]]:
    """Return row, feature, and both values, wherever online and offline differ.

    Args:
        columns: The history.
        features: What is read.
        pack_every: After so many rows each state is packed and unpacked; None for never.
    """
    offline = compute(columns, features)
    told_to = {kind for kind, plan in features.plans.items() if plan.has_labels}
    states: dict[tuple[str, str], EntityState] = {}
    found = []
    label = 0
    for row in range(len(columns.second)):
        while label < len(columns.labels.row) and columns.labels.after[label] <= row:
            row_of = int(columns.labels.row[label])
            ratio = int(offline["payer_amount_to_usual"][row_of])
            tell(columns, label, states, ratio, told_to)
            label += 1
        facts = facts_of(columns, row)
        for entity in entities(facts):
            if entity not in states:
                states[entity] = EntityState(features.plans.get(entity[0], NOTHING))
        online = vector(facts, states, features)
        for name, value in zip(online.names, online.values, strict=True):
            other = int(offline[name][row])
            if (MISSING if isinstance(value, Missing) else value) != other:
                found.append((row, name, value, other))
        said = int(columns.is_declined[row])
        declined = None if said < 0 else bool(said)
        for seen in observations(facts, is_declined=declined, features=online):
            states[seen.kind, seen.key].add(
                seen.at,
                seen.amount_minor,
                seen.currency,
                seen.is_declined,
                seen.others,
                ratio_milli=seen.ratio_milli,
            )
        if pack_every is not None and row % pack_every == 0:
            states = {
                entity: EntityState.unpack(state.pack(), state.plan)
                for entity, state in states.items()
            }
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_a_history_of_every_entity_has_no_mismatch(sized: Callable[..., int], seed: int) -> None:
    rows = sized(quick=150, ci=600, full=3_000)

    assert mismatches(columns_of(rows, seed=seed)) == []


def declared(entity: Entity) -> FeatureSet:
    """Return every feature that there can be of an entity, by windows and other entities.

    What was usual for the payer as well, by which amounts are abnormal and frauds unexplained.
    """
    found = {"payer_amount_to_usual": declare("payer", "to_usual", en="", zh="")}
    for aggregate in get_args(Aggregate):
        windows = WINDOWS if aggregate in WINDOWED else [None]
        others = get_args(Other if aggregate == "distinct" else Entity)
        of = [one for one in others if one != entity] if aggregate in MAY_BE_OF else []
        alone = [] if aggregate in MUST_BE_OF else [None]
        for window, other in itertools.product(windows, [*alone, *of]):
            one = declare(entity, aggregate, window, of=other, en="", zh="")
            found[one.name] = one
    return make_feature_set(list(found.values()))


@pytest.mark.long
@pytest.mark.parametrize("entity", get_args(Entity))
def test_whatever_may_be_declared_has_no_mismatch(sized: Callable[..., int], entity: Any) -> None:
    """Eight months, so that the longest windows lose what is old, and states are read anew."""
    rows = sized(quick=60, ci=250, full=500)
    features = declared(entity)
    random = np.random.default_rng(90)
    step = random.choice([0, 1, 30, 600, 20_000, 400_000], rows)
    second = 1_700_000_000 + np.cumsum(step) - random.integers(0, 901, rows)
    columns = with_labels(columns_of(rows, seed=90)._replace(second=second), seed=91)

    assert {one.window_s for one in features.features} == {0, *WINDOWS.values()}
    assert mismatches(columns, features, pack_every=25) == []
    offline = compute(columns, features)
    if rows >= 250:
        count = name_of(entity, "count", "90d")
        assert np.any(offline[count] != offline[name_of(entity, "count", "30d")])
        keys = columns.keys[entity]
        by_key = [offline[count][keys == one] for one in np.unique(keys[keys != ABSENT])]
        assert any(np.any(np.diff(one) < 0) for one in by_key)


@pytest.mark.parametrize("late_s", [0, 900])
def test_labels_count_from_when_they_were_known_and_told(
    sized: Callable[..., int], late_s: int
) -> None:
    rows = sized(quick=150, ci=400, full=1_000)
    columns = with_labels(columns_of(rows, seed=7, late_s=late_s), seed=late_s)

    assert mismatches(columns) == []
    offline = compute(columns, FEATURES)
    for kind in ("payee", "device", "address", "instrument"):
        assert len(set(offline[f"{kind}_fraud_count_30d"])) > 1
        assert len(set(offline[f"{kind}_fraud_share_30d"])) > 1
    assert len(set(offline["payee_unexplained_fraud_count_30d"])) > 1


@pytest.mark.long
@pytest.mark.parametrize("late_s", [0, 900])
def test_what_is_let_go_of_a_busy_payee_is_missing_here_as_well(late_s: int) -> None:
    """500 payments in 30 days, all labelled: late, and some twice and otherwise."""
    rows = 500
    random = np.random.default_rng(late_s)
    second = 1_700_000_000 + np.arange(rows) * (30 * 86_400 // rows)
    row = np.concatenate([np.arange(rows), random.integers(0, rows, rows // 4)])
    after = np.minimum(row + 1 + random.integers(0, 60, len(row)), rows)
    order = np.argsort(after, kind="stable")
    row, after = row[order], after[order]
    known = second[row] + random.integers(0, 4 * 86_400, len(row))
    said = (random.random(len(row)) < 0.15).astype(np.int64)
    columns = columns_of(rows, seed=late_s)._replace(
        second=second - random.integers(0, late_s + 1, rows),
        labels=Labels(row, after, known, said),
    )
    columns.keys["payee"][:] = 0

    assert mismatches(columns) == []
    offline = compute(columns, FEATURES)
    for name in ("payee_fraud_risk_30d", "payee_unlabelled_30d"):
        assert offline[name][400] == MISSING
    for name in ("payee_fraud_risk_24h", "payee_unlabelled_7d", "payee_fraud_count_30d"):
        assert np.all(offline[name] != MISSING)


def test_a_pair_after_which_many_others_came_is_missing_here_as_well() -> None:
    """Two payers of a hundred payees, of whom a payer's state keeps the newest 64."""
    rows = 900
    random = np.random.default_rng(5)
    columns = columns_of(rows, seed=5)._replace(
        second=1_700_000_000 + np.arange(rows) * 7_200,
    )
    columns.keys["payer"][:] = random.integers(0, 2, rows)
    columns.keys["payee"][:] = random.integers(0, 100, rows)

    assert mismatches(columns) == []
    since = compute(columns, FEATURES)["payer_payee_since_last_s"]
    had = [
        (payer, payee) in zip(columns.keys["payer"][:row], columns.keys["payee"][:row], strict=True)
        for row, (payer, payee) in enumerate(
            zip(columns.keys["payer"], columns.keys["payee"], strict=True)
        )
    ]
    assert np.any((since == MISSING) & had)
    assert np.any(since != MISSING)


@pytest.mark.parametrize("late_s", [0, 900])
def test_currencies_for_which_an_entity_has_no_place_are_missing_here_as_well(
    sized: Callable[..., int], late_s: int
) -> None:
    rows = sized(quick=200, ci=500, full=2_000)
    random = np.random.default_rng(8)
    columns = columns_of(rows, seed=8, late_s=late_s)._replace(
        currency=np.minimum(random.geometric(0.2, rows), len(CURRENCIES)) - 1
    )

    assert mismatches(columns) == []
    total = compute(columns, FEATURES)["merchant_amount_sum_1h"]
    assert np.any(total == MISSING)
    assert np.any(total > 0)


@pytest.mark.parametrize("late_s", [3, 900, LATE_S - 20_000])
def test_rows_that_come_late_have_no_mismatch(sized: Callable[..., int], late_s: int) -> None:
    columns = columns_of(sized(quick=150, ci=600, full=3_000), seed=late_s, late_s=late_s)

    assert np.any(np.diff(columns.second) < 0)
    assert mismatches(columns) == []


def test_amounts_too_great_to_square_deviate_by_no_more_than_they_do() -> None:
    rows = 12
    columns = columns_of(rows, seed=3)
    one = np.zeros(rows, np.int64)
    # A payer of 1.2 and 3 million rupiah in turn, in minor units, with a small one at the end.
    amount = np.where(np.arange(rows) % 2, 300_000_000, 120_000_000)
    amount[-1] = 30_000_000
    columns = columns._replace(
        amount_minor=amount, currency=one, keys={**columns.keys, "payer": one}
    )

    assert mismatches(columns) == []
    z = compute(columns, FEATURES)["payer_amount_z_30d"]
    # None is far from what is usual; the small one is far below.
    assert list(z) == [MISSING] * 3 + [10_000] * 8 + [0]


def test_published_transactions_have_no_mismatch(sized: Callable[..., int], material: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    place = material / "data" / "handbook" / "transactions.parquet"
    if not place.exists():
        pytest.skip(f"{place} is absent")
    rows = sized(quick=300, ci=3_000, full=20_000)
    # Few enough payers and terminals that each of them comes often.
    group = next(parquet.ParquetFile(place).iter_batches(batch_size=rows * 25))
    payer = group["CUSTOMER_ID"].to_numpy(zero_copy_only=False).astype(np.int64)
    chosen = np.flatnonzero(payer % 25 == 3)[:rows]
    time = group["TX_DATETIME"].to_numpy(zero_copy_only=False).astype("datetime64[s]")
    second = time.astype(np.int64)[chosen]
    order = np.argsort(second, kind="stable")
    chosen = chosen[order]
    terminal = group["TERMINAL_ID"].to_numpy(zero_copy_only=False).astype(np.int64)[chosen]
    amount = group["TX_AMOUNT"].to_numpy(zero_copy_only=False)[chosen]
    fraud = group["TX_FRAUD"].to_numpy(zero_copy_only=False).astype(np.int64)[chosen]
    size = len(chosen)
    none = np.full(size, ABSENT)
    columns = Columns(
        second=second[order],
        amount_minor=np.round(amount * 100).astype(np.int64),
        currency=np.zeros(size, np.int64),
        is_declined=fraud,
        keys={
            **dict.fromkeys((*KINDS, "ip", "ip_24"), none),
            "payer": payer[chosen],
            "instrument": payer[chosen],
            "payee": terminal % 500,
            "device": payer[chosen] // 50,
            "merchant": np.zeros(size, np.int64),
        },
    )

    assert size > rows // 2
    assert mismatches(columns) == []


def test_rows_later_than_they_may_be_are_refused() -> None:
    columns = columns_of(3, seed=1)

    with pytest.raises(ValueError, match="order of their coming"):
        compute(columns._replace(second=columns.second - np.arange(3) * LATE_S * 2), FEATURES)
