"""Attempts are counted by what came of them, and by nothing that a receiver said."""

from prometheus_client import CollectorRegistry, generate_latest

from service.worker.measure import Measure
from service.worker.parcels import Outcome
from tests.service.worker.conftest import a_parcel


def test_attempts_are_counted_without_their_content() -> None:
    registry = CollectorRegistry()
    measure = Measure(registry)
    parcel = a_parcel("https://secret.example/")
    measure.came(Outcome(parcel, delivered=True, status=200, cause="ok", latency_ms=40))
    measure.came(Outcome(parcel, delivered=False, status=500, cause="status", latency_ms=40))
    measure.came(Outcome(parcel, delivered=False, status=500, cause="status", latency_ms=40))
    measure.holds(3)

    text = generate_latest(registry).decode()

    assert 'payguard_delivery_attempts_total{cause="ok"} 1.0' in text
    assert 'payguard_delivery_attempts_total{cause="status"} 2.0' in text
    assert 'payguard_delivery_seconds_bucket{le="0.05"} 3.0' in text
    assert "payguard_deliveries_held 3.0" in text
    assert "secret" not in text
    assert parcel.receiver not in text
