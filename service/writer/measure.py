"""What the writer logs and counts about its batches. Never sees a body."""

import contextlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as Total
from structlog.typing import FilteringBoundLogger
from typing_extensions import override

from service.unit_of_work.batch import Done
from service.unit_of_work.ports import BatchObserver

# Seconds; a commit is one fsync, 0.2 ms on a good disk and 100 ms on a stalled one.
COMMIT_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


# As the metrics library names the file of one process's counts: counter_4711.db.
_COUNTS: Final = re.compile(r"[a-z_]+_([0-9]{1,10})\.db")


def forget_ended(folder: Path) -> None:
    """Remove the counts of processes that no longer exist: the folder lies in memory and fills.

    Every start of a process leaves some, and a unit whose process ends at once is started anew
    each second.

    Args:
        folder: Where processes count together.
    """
    for file in folder.glob("*.db"):
        named = _COUNTS.fullmatch(file.name)
        if named is not None and not _exists(int(named[1])):
            # Of another user: no reason not to start.
            with contextlib.suppress(OSError):
                file.unlink()


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


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
        self._is_away = False

    @override
    def committed(self, *, batch: int, outcomes: Sequence[Done], commit_ns: int) -> None:
        self._commits.observe(commit_ns / 1e9)
        self._sizes.observe(len(outcomes))
        if self._is_away:
            self._is_away = False
            self._log.info("store_answers_again", batch=batch)
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
    def unavailable(self, *, commands: int, reason: str) -> None:
        # Once each time: what asks again meanwhile would fill the log with the same.
        if not self._is_away:
            self._is_away = True
            self._log.warning("store_unavailable", commands=commands, reason=reason)

    @override
    def waiting(self, commands: int) -> None:
        self._waiting.set(commands)
