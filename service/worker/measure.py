"""What the worker counts about deliveries. Never sees a body, an address or a receiver's name."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.worker.parcels import Outcome

# Seconds; from a receiver nearby to the limit of an attempt.
ATTEMPT_BUCKETS_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measure:
    """Counts attempts into a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "payguard_delivery_attempts",
            "Attempts at webhook deliveries, by what came of them",
            ("cause",),
            registry=registry,
        )
        self._seconds = Histogram(
            "payguard_delivery_seconds",
            "Time of one attempt, from resolving to the head of the answer",
            buckets=ATTEMPT_BUCKETS_S,
            registry=registry,
        )
        self._held = Gauge(
            "payguard_deliveries_held",
            "Deliveries in the worker: waiting, under way, or not yet reported",
            registry=registry,
            multiprocess_mode="mostrecent",
        )

    def came(self, outcome: Outcome) -> None:
        """Count an attempt."""
        self._attempts.labels(outcome.cause).inc()
        self._seconds.observe(outcome.latency_ms / 1_000)

    def holds(self, parcels: int) -> None:
        """Say how many there are now."""
        self._held.set(parcels)
