"""What the writer logs and counts about its batches. Never sees a body."""

from collections import Counter
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as Total
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from service.unit_of_work.batch import Done
from service.unit_of_work.ports import BatchObserver

# Seconds; a commit is one fsync, 0.2 ms on a good disk and 100 ms on a stalled one.
COMMIT_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Measure(BatchObserver):
    """Counts commits into a registry and writes one log line for each."""

    def __init__(self, registry: CollectorRegistry, log: FilteringBoundLogger) -> None:
        self._log = log
        self._commits = Histogram(
            "payguard_commit_seconds",
            "Time from the last handler to the end of the commit",
            buckets=COMMIT_BUCKETS_S,
            registry=registry,
        )
        self._sizes = Histogram(
            "payguard_batch_commands",
            "Commands of one batch",
            buckets=BATCH_BUCKETS,
            registry=registry,
        )
        self._outcomes = Total(
            "payguard_decisions",
            "Judgements of payments, by stage and outcome",
            ("stage", "outcome"),
            registry=registry,
        )
        self._waiting = Gauge(
            "payguard_queue_commands",
            "Commands that wait for the writer",
            registry=registry,
            multiprocess_mode="mostrecent",
        )
        self._faults = Total(
            "payguard_faulted_commands", "Commands that met a fault", registry=registry
        )

    @override
    def committed(self, *, batch: int, outcomes: Sequence[Done], commit_ns: int) -> None:
        self._commits.observe(commit_ns / 1e9)
        self._sizes.observe(len(outcomes))
        for done in outcomes:
            for entry in done.outcome.entries:
                if entry.kind in {"payment.assessed", "assessment.made"}:
                    stage, outcome = entry.fields["stage"], entry.fields["outcome"]
                    self._outcomes.labels(stage, outcome).inc()
        commands = Counter(type(done.ticket.command).__name__ for done in outcomes)
        self._log.info(
            "batch_committed",
            batch=batch,
            commands=dict(commands),
            commit_us=commit_ns // 1_000,
        )

    @override
    def faulted(self, *, fault_id: str, command: str, cause: str) -> None:
        self._faults.inc()
        self._log.error("command_faulted", fault_id=fault_id, command=command, cause=cause)

    @override
    def waiting(self, commands: int) -> None:
        self._waiting.set(commands)
