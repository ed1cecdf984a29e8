"""Factories for payments and what is known about them; each fills only what is required."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from risk.assessment import Assessment
from risk.engine import assess
from risk.facts import Circumstances, Counter, Facts
from risk.feature import Text
from risk.reasons import Texts, load_texts
from risk.rules.shapes import Rule
from risk.strategy import Strategy, load_strategy
from risk.vectors import FeatureVector, Missing

NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
FRESH = {scope: Counter(0, 0) for scope in ("payer", "instrument", "device")}


@pytest.fixture(scope="session")
def strategy() -> Strategy:
    return load_strategy()


@pytest.fixture(scope="session")
def texts() -> Texts:
    return load_texts()


@pytest.fixture(scope="session")
def payment() -> Callable[..., Facts]:
    """Return a factory of payments of 50.00 CNY from a payer with device and instrument."""

    def make(**given: Any) -> Facts:
        least: dict[str, Any] = {
            "stage": "pre_payment",
            "occurred_at": NOON,
            "kind": "purchase",
            "amount_minor": 5_000,
            "currency": "CNY",
            "payer_key": "c_17",
            "payer_id": "c_17",
            "payee_id": "p_77",
            "instrument_id": "ins_1",
            "device_id": "d_5",
        }
        return Facts(**{**least, **given})

    return make


@pytest.fixture(scope="session")
def known() -> Callable[..., Circumstances]:
    """Return a factory of circumstances under CN in which a small payment is exempt."""

    def make(**given: Any) -> Circumstances:
        good: dict[str, Any] = {
            "preset": "CN",
            "has_small_consent": True,
            "device_is_known": True,
            "payee_is_new": False,
            "counters": FRESH,
            "spent_today_minor": {1: 0, 2: 0},
            "static_qr_today_minor": 0,
        }
        return Circumstances(**{**good, **given})

    return make


@pytest.fixture(scope="session")
def features(strategy: Strategy) -> Callable[..., FeatureVector]:
    """Return a factory of sound vectors, 0 but for what is given by name."""

    def make(**given: float | Missing) -> FeatureVector:
        names = strategy.features.names
        return FeatureVector(
            strategy.features.id, names, tuple(given.get(name, 0) for name in names)
        )

    return make


@pytest.fixture(scope="session")
def judge(
    strategy: Strategy,
    payment: Callable[..., Facts],
    known: Callable[..., Circumstances],
    features: Callable[..., FeatureVector],
) -> Callable[..., Assessment]:
    """Return a judge of a payment: fields of facts and of circumstances by their names."""
    of_facts = set(Facts.__struct_fields__)
    of_known = set(Circumstances.__struct_fields__)

    def make(vector: FeatureVector | None = None, **given: Any) -> Assessment:
        assert set(given) <= of_facts | of_known
        return assess(
            payment(**{name: value for name, value in given.items() if name in of_facts}),
            known(**{name: value for name, value in given.items() if name in of_known}),
            vector or features(),
            strategy,
        )

    return make


@pytest.fixture(scope="session")
def again() -> Callable[[Any], Any]:
    """Return a round trip through msgpack, as a receipt makes it."""
    return lambda value: msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value))


@pytest.fixture(scope="session")
def make_rule() -> Callable[..., Rule]:
    """Return a factory of rules that decline; what is given replaces what they say otherwise."""

    def make(when: str, **given: Any) -> Rule:
        least: dict[str, Any] = {
            "code": "one_rule",
            "version": 1,
            "stages": ("pre_payment",),
            "when": when,
            "outcome": "decline",
            "level": 0,
            "meaning": Text("Looks.", "查看。"),
            "reason": Text("Seen", "已发现"),
        }
        return Rule(**{**least, **given})

    return make
