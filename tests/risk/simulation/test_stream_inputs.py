"""No one input tells fraud from what is none: a model that does well here has to combine them."""

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from risk.offline.columns import ABSENT, MISSING, Columns, compute
from risk.simulation.shapes import Paid, read_world
from risk.simulation.stream import Plan, simulate
from risk.strategy import load_strategy

AUC_MAX = 0.90
# Where a payment has no value: a model may take it for a very low or for a very high one.
PLACES = (-1.0, 1e18)

Values = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def payments() -> list[Paid]:
    plan = Plan(seed=3, start=dt.date(2026, 1, 5), days=45, payers=350, fraud=8.0)
    return [one for one in simulate(read_world(), plan) if isinstance(one, Paid)]


def codes(values: list[Any]) -> npt.NDArray[np.int64]:
    places: dict[Any, int] = {}
    return np.array(
        [ABSENT if one is None else places.setdefault(one, len(places)) for one in values],
        np.int64,
    )


def features(payments: list[Paid]) -> Iterator[tuple[str, Values]]:
    """Yield every feature that has no label in it."""
    bodies = [one.body for one in payments]
    device = [one.get("device", {}) for one in bodies]
    instrument = [one.get("instrument", {}) for one in bodies]
    ips = [one.get("ip") for one in device]
    keys = {
        "payer": codes([one["payer"].get("payer_id", one["payer"].get("email")) for one in bodies]),
        "email": codes([one["payer"].get("email") for one in bodies]),
        "payee": codes([one["payee"]["payee_id"] for one in bodies]),
        "device": codes([one.get("device_id") for one in device]),
        "instrument": codes([one.get("instrument_id") for one in instrument]),
        "bin": codes([one.get("bin") for one in instrument]),
        "ip": codes(ips),
        "ip_24": codes([one and one.rpartition(":" if ":" in one else ".")[0] for one in ips]),
        "issuer_country": codes([one.get("issuer_country") for one in instrument]),
        "merchant": np.zeros(len(bodies), np.int64),
        "phone": np.full(len(bodies), ABSENT, np.int64),
        "address": np.full(len(bodies), ABSENT, np.int64),
    }
    columns = Columns(
        second=np.array([int(one.at.timestamp()) for one in payments], np.int64),
        amount_minor=np.array([one["amount"]["value"] for one in bodies], np.int64),
        currency=np.zeros(len(bodies), np.int64),
        is_declined=np.zeros(len(bodies), np.int64),
        keys=keys,  # type: ignore[arg-type]  # the names are those of entities
    )
    for name, values in compute(columns, load_strategy().features).items():
        yield name, np.where(values == MISSING, np.nan, values.astype(np.float64))


def age(*path: str) -> Callable[[Paid], float | None]:
    def seconds(paid: Paid) -> float | None:
        value: Any = paid.body
        for name in path:
            value = value.get(name, {})
        return (paid.at - dt.datetime.fromisoformat(value)).total_seconds() if value else None

    return seconds


TOLD: dict[str, Callable[[Paid], float | None]] = {
    "amount_minor": lambda paid: paid.body["amount"]["value"],
    "local_hour": lambda paid: (paid.at.hour + 8) % 24,
    "is_transfer": lambda paid: paid.body["kind"] == "transfer",
    "call_active": lambda paid: paid.body.get("device", {}).get("call_active"),
    "remote_access": lambda paid: paid.body.get("device", {}).get("remote_access"),
    "account_age_s": age("payer", "account_created_at"),
    "contact_age_s": age("payer", "contact_changed_at"),
    "payee_age_s": age("payee", "added_at"),
    "instrument_age_s": age("instrument", "added_at"),
    "sign_in_age_s": age("authentication", "at"),
    "balance_share": lambda paid: (
        paid.body["amount"]["value"] / paid.body["balance_before"]["value"]
        if "balance_before" in paid.body
        else None
    ),
}


def auc(fraud: Values, rest: Values) -> float:
    """Return how likely a fraud has the larger value, ties counted as half."""
    _, place, count = np.unique(
        np.concatenate([fraud, rest]), return_inverse=True, return_counts=True
    )
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    above = rank[: len(fraud)].sum() - len(fraud) * (len(fraud) + 1) / 2
    return float(above / (len(fraud) * len(rest)))


@pytest.mark.long
def test_no_input_alone_finds_take_overs_or_scams(payments: list[Paid]) -> None:
    told = {
        name: np.array(
            [np.nan if (value := read(one)) is None else float(value) for one in payments]
        )
        for name, read in TOLD.items()
    }
    scenario = np.array([one.scenario for one in payments])
    found = {
        (fraud, name): max(
            abs(auc(filled[scenario == fraud], filled[scenario == "ordinary"]) - 0.5) + 0.5
            for filled in (np.nan_to_num(values, nan=place) for place in PLACES)
        )
        for name, values in {**dict(features(payments)), **told}.items()
        for fraud in ("takeover", "scam")
    }

    assert len(found) > 2 * len(TOLD) + 50
    assert {one: value for one, value in found.items() if value > AUC_MAX} == {}
