"""`python -m bench.load`: load from a process of its own. Knows nothing of Payguard but its mix.

Open loop: requests are due at fixed instants whether or not earlier ones were answered, and a
latency counts from the instant a request was due, so that a stall is seen by all whom it would
have met. Closed loop (`--rate 0`): each connection sends its next request when it has its answer.
Prints JSON; says how late it was itself, since latencies of a late generator mean nothing.
"""

import argparse
import contextlib
import json
import os
import resource
import select
import socket
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator

from bench.mix import KINDS, requests

# Above this the schedule was not kept: the generator was late by itself in one of a hundred.
LAG_MAX_MS = 2.0
PATIENCE_S = 5.0
# The product's own deadline: an answer after it is of no use.
IN_TIME_S = 2.0
PART = 65_536


class Connection:
    """One kept-alive connection with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due = 0.0
        self._got = b""

    def send(self, request: bytes, due: float) -> None:
        self.due = due
        self._got = b""
        self.socket.sendall(request)

    def answer(self) -> tuple[int, bytes] | None:
        """Return status and body once all of it is here.

        Raises:
            ConnectionError: The connection ended first.
        """
        part = self.socket.recv(PART)
        if not part:
            raise ConnectionError
        self._got += part
        head, found, body = self._got.partition(b"\r\n\r\n")
        if not found:
            return None
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        return (int(head[9:12]), body) if len(body) >= length else None


class Load:
    """Sends until the time is over, then waits a little for what is under way."""

    def __init__(self, given: argparse.Namespace, sent: Iterator[bytes]) -> None:
        self._given = given
        self._requests = sent
        self._poll = select.epoll()
        self._busy: dict[int, Connection] = {}
        self._idle: list[Connection] = []
        self._waiting: deque[float] = deque()
        self.statuses: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        # Second of the run in which a good answer came in time -> how many.
        self.good: Counter[int] = Counter()
        # Second of the run in which a request was due -> what it took; and those refused.
        self.by_second: dict[int, list[float]] = defaultdict(list)
        self.refused: Counter[int] = Counter()
        self.answered: list[tuple[float, float]] = []
        self.refused_ms: list[float] = []
        self.lags: list[float] = []
        self.starved = 0

    def run(self) -> None:
        given = self._given
        start = self._start = time.perf_counter()
        end, turn = start + given.seconds, 0
        gap = 1 / given.rate if given.rate else 0.0
        if not given.rate:
            self._waiting.extend([start] * given.connections)
        while (now := time.perf_counter()) < end:
            while given.rate and (due := start + turn * gap) <= now:
                self.lags.append(now - due)
                self._waiting.append(due)
                turn += 1
            self._send_due()
            self._take(min(start + turn * gap, end) if given.rate else end)
        patience = time.perf_counter() + PATIENCE_S
        if not given.rate:
            self._waiting.clear()
        while (self._busy or self._waiting) and time.perf_counter() < patience:
            self._send_due()
            self._take(patience)
        unanswered = len(self._busy) + len(self._waiting)
        if unanswered:
            self.statuses["none"] += unanswered
        self.wall = time.perf_counter() - start

    def _send_due(self) -> None:
        while self._waiting:
            if not self._idle and not self._open():
                self.starved += 1
                return
            one = self._idle.pop()
            due = self._waiting.popleft()
            if not self._given.rate:
                due = time.perf_counter()
            try:
                one.send(next(self._requests), due)
            except OSError:
                self._drop(one)
            else:
                self._busy[one.socket.fileno()] = one

    def _open(self) -> bool:
        if len(self._busy) >= self._given.connections:
            return False
        with contextlib.suppress(OSError):
            one = Connection(self._given.port)
            self._poll.register(one.socket, select.EPOLLIN)
            self._idle.append(one)
            return True
        return False

    def _take(self, until: float) -> None:
        # select knows microseconds, epoll by itself only milliseconds.
        wait = max(until - time.perf_counter(), 0.0)
        if not select.select([self._poll], [], [], wait)[0]:
            return
        for number, _ in self._poll.poll(0):
            one = self._busy.get(number)
            if one is None:
                self._drop_idle(number)
                continue
            try:
                answer = one.answer()
            except OSError:
                self._drop(one)
                continue
            if answer is not None:
                self._note(one, *answer)

    def _note(self, one: Connection, status: int, body: bytes) -> None:
        now = time.perf_counter()
        del self._busy[one.socket.fileno()]
        self._idle.append(one)
        if not self._given.rate and now < self._start + self._given.seconds:
            self._waiting.append(now)
        self.statuses[str(status)] += 1
        took, second = now - one.due, int(one.due - self._start)
        if status < 500:
            self.answered.append((one.due, took))
            self.by_second[second].append(took * 1e3)
            if took <= IN_TIME_S:
                self.good[int(now - self._start)] += 1
        else:
            self.refused_ms.append(took * 1e3)
            self.refused[second] += 1
        if status == 201:
            found = body.partition(b'"outcome":"')[2].partition(b'"')[0]
            self.outcomes[found.decode()] += 1

    def _drop(self, one: Connection) -> None:
        """Count a request whose connection ended; its effect nobody here knows."""
        self.statuses["reset"] += 1
        self._busy.pop(one.socket.fileno(), None)
        one.socket.close()
        if not self._given.rate:
            self._waiting.append(time.perf_counter())

    def _drop_idle(self, number: int) -> None:
        for one in [one for one in self._idle if one.socket.fileno() == number]:
            self._idle.remove(one)
            one.socket.close()


def settings() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=float, default=0, help="requests a second; 0: closed loop")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--kind", choices=KINDS, default="uniform")
    parser.add_argument("--key", default="none")
    parser.add_argument("--tag", default="0")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def worst(latencies: list[float]) -> float | None:
    """Return the 99th percentile, or None where there was no answer."""
    return round(sorted(latencies)[int(len(latencies) * 0.99)], 3) if latencies else None


def own_cpu_s() -> float:
    """Return what the generator itself has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    given = settings().parse_args()
    # It shares the cores with what it measures: it goes first, so that it keeps its schedule.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    sent = requests(KINDS[given.kind], key=given.key, tag=given.tag, seed=given.seed)
    load = Load(given, sent)
    before_s = own_cpu_s()
    load.run()
    lags = sorted(load.lags)
    lag = lags[int(len(lags) * 0.99)] * 1e3 if lags else 0.0
    json.dump(
        {
            "statuses": load.statuses,
            "outcomes": load.outcomes,
            "wall": load.wall,
            "seconds": given.seconds,
            "latencies_ms": sorted(round(took * 1e3, 3) for _, took in load.answered),
            "refused_ms": sorted(round(took, 3) for took in load.refused_ms),
            "good": [load.good[second] for second in range(int(given.seconds))],
            "p99_by_second": [
                worst(load.by_second[second]) for second in range(int(given.seconds))
            ],
            "refused": [load.refused[second] for second in range(int(given.seconds))],
            "lag_p99_ms": round(lag, 3),
            "kept_schedule": lag <= LAG_MAX_MS,
            "starved": load.starved,
            "own_cpu_s": own_cpu_s() - before_s,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
