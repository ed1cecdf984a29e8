"""What became of the rows: counted while they are sent, and summed up. Sends nothing."""

import threading
from array import array
from collections import Counter

import msgspec

from service.cli.screen import table

_MILLISECOND_NS = 1_000_000


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """How long answers took, in milliseconds."""

    p50_ms: float
    p99_ms: float


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did.

    Attributes:
        rows: Rows that were taken from the file.
        judged: Payments that were judged, by outcome.
        executed: Executions, by decision.
        labelled: Labels that were told, by intent.
        unknown_labels: Labels that become known only later, and were not sent.
        out_of_order: Rows that stood too far from their place in time to be sent there.
        replayed: Answers that repeated an earlier run's.
        sent_before: Rows whose payment an earlier run had sent at another time.
        rounded: Amounts that had more decimals than their currency.
        retries: Requests that were sent again after 429, 503 or a broken connection.
        failed: Rows that did not get where they should.
        errors: Those, by code.
        first_failed: The reference of the first failed row of each code.
        create: Time of `POST /v1/payments`; None where there was none.
        execute: Time of its execution; None where there was none.
        seconds: How long it took.
        rate: Rows a second.
        is_interrupted: It was stopped before the end.
        history: Rows that were sent before, as history; they count nowhere else here.
        history_failed: How many of these failed.
    """

    rows: int
    judged: dict[str, int]
    executed: dict[str, int]
    labelled: dict[str, int]
    unknown_labels: int
    out_of_order: int
    replayed: int
    sent_before: int
    rounded: int
    retries: int
    failed: int
    errors: dict[str, int]
    first_failed: dict[str, str]
    create: Latency | None
    execute: Latency | None
    seconds: float
    rate: float
    is_interrupted: bool
    history: int = 0
    history_failed: int = 0


class Tally:
    """Counts from many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._judged: Counter[str] = Counter()
        self._executed: Counter[str] = Counter()
        self._labelled: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._create_ns = array("q")
        self._execute_ns = array("q")

    @property
    def done(self) -> int:
        """Rows whose end is known."""
        return self._counts["done"]

    @property
    def failed(self) -> int:
        """Rows that failed."""
        return self._counts["failed"]

    @property
    def succeeded(self) -> int:
        """Rows whose payment the service has."""
        return sum(self._judged.values()) + self._counts["sent_before"]

    def row_done(self, *, is_rounded: bool) -> None:
        """Count a row."""
        with self._guard:
            self._counts["done"] += 1
            self._counts["rounded"] += is_rounded

    def failed_row(self, reference: str, code: str) -> None:
        """Count a row that failed."""
        with self._guard:
            self._counts["failed"] += 1
            self._errors[code] += 1
            self._first.setdefault(code, reference)

    def sent_before(self) -> None:
        """Count a row that an earlier run sent at another time."""
        with self._guard:
            self._counts["sent_before"] += 1

    def answered(self, *, tries: int, is_replayed: bool) -> None:
        """Count an answer."""
        with self._guard:
            self._counts["retries"] += tries - 1
            self._counts["replayed"] += is_replayed

    def judged(self, outcome: str, *, duration_ns: int) -> None:
        """Count a judgement."""
        with self._guard:
            self._judged[outcome] += 1
            self._create_ns.append(duration_ns)

    def executed(self, decision: str, *, duration_ns: int) -> None:
        """Count an execution."""
        with self._guard:
            self._executed[decision] += 1
            self._execute_ns.append(duration_ns)

    def labelled(self, intent: str) -> None:
        """Count a label."""
        with self._guard:
            self._labelled[intent] += 1

    def ordered(self, *, unknown_labels: int, out_of_order: int) -> None:
        """Take what was found while the rows were put in order."""
        with self._guard:
            self._counts["unknown_labels"] = unknown_labels
            self._counts["out_of_order"] = out_of_order

    def followed(self, history: "Tally") -> None:
        """Take what was sent before as history."""
        with self._guard:
            self._counts["history"] = history.done
            self._counts["history_failed"] = history.failed

    def summary(self, *, duration_ns: int, is_interrupted: bool) -> Summary:
        """Return what was counted."""
        with self._guard:
            seconds = max(duration_ns / 1e9, 1e-9)
            return Summary(
                rows=self._counts["done"],
                judged=dict(self._judged.most_common()),
                executed=dict(self._executed.most_common()),
                labelled=dict(self._labelled.most_common()),
                unknown_labels=self._counts["unknown_labels"],
                out_of_order=self._counts["out_of_order"],
                replayed=self._counts["replayed"],
                sent_before=self._counts["sent_before"],
                rounded=self._counts["rounded"],
                retries=self._counts["retries"],
                failed=self._counts["failed"],
                errors=dict(self._errors.most_common()),
                first_failed=dict(self._first),
                create=_latency(self._create_ns),
                execute=_latency(self._execute_ns),
                seconds=round(seconds, 3),
                rate=round(self._counts["done"] / seconds, 1),
                is_interrupted=is_interrupted,
                history=self._counts["history"],
                history_failed=self._counts["history_failed"],
            )


def _latency(durations_ns: "array[int]") -> Latency | None:
    """Return the middle and the worst hundredth, by nearest rank."""
    if not durations_ns:
        return None
    ordered = sorted(durations_ns)

    def at(percent: int) -> float:
        rank = -(-len(ordered) * percent // 100)
        return round(ordered[rank - 1] / _MILLISECOND_NS, 1)

    return Latency(p50_ms=at(50), p99_ms=at(99))


def text_of(summary: Summary) -> str:
    """Return a summary for people."""
    speed = f"{summary.rows:,} in {summary.seconds:.1f} s, {summary.rate:,.0f} a second"
    rows = [("rows", speed + (" (interrupted)" if summary.is_interrupted else ""))]
    if summary.history:
        failed = f", {summary.history_failed:,} failed" if summary.history_failed else ""
        rows += [("history", f"{summary.history:,} rows before{failed}")]
    rows += [("judged", _counts(summary.judged) + _times(summary.create))]
    if summary.executed:
        rows += [("executed", _counts(summary.executed) + _times(summary.execute))]
    if summary.labelled:
        rows += [("labelled", _counts(summary.labelled))]
    notes = {
        "unknown_labels": "labels that become known only later, not sent",
        "out_of_order": "rows too far from their place in time, sent where they stood",
        "replayed": "answers of an earlier run, repeated",
        "sent_before": "rows that an earlier run had sent at another time",
        "rounded": "amounts with more decimals than their currency, rounded half up",
        "retries": "requests sent again after 429, 503 or a broken connection",
    }
    for name, note in notes.items():
        count = getattr(summary, name)
        if count:
            rows.append((name.replace("_", " "), f"{count:,} {note}"))
    rows.append(("failed", f"{summary.failed:,}"))
    for code, count in summary.errors.items():
        rows.append(("", f"{count:,} {code}, first at {summary.first_failed[code]}"))
    return table(rows)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "none"


def _times(latency: Latency | None) -> str:
    return "" if latency is None else f"  (p50 {latency.p50_ms} ms, p99 {latency.p99_ms} ms)"
