"""A store of deliveries in memory, a writer that notes them, and the real worker between."""

import datetime as dt
import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import msgspec
from prometheus_client import CollectorRegistry

from service.db.store import StoreUnavailable
from service.kernel.clock import Clock, SystemClock
from service.kernel.errors import Problem, SubmitFailed
from service.kernel.logs import logger
from service.unit_of_work.commands import Call, Command, Lane, Reply
from service.worker.deliveries import Deliveries, Send
from service.worker.due import Due
from service.worker.measure import Measure
from service.worker.parcels import Outcome, Parcel, Room
from tests.service.worker.conftest import Sender, a_parcel
from tests.support.uow import START, a_call

PATIENCE_S = 20.0


class Noted(msgspec.Struct, frozen=True):
    pass


class Note(Command, frozen=True, kw_only=True):
    """Note what came of deliveries."""

    gives: ClassVar[type[msgspec.Struct]] = Noted

    ids: tuple[str, ...]
    causes: tuple[str, ...]


def until(says: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not says():
        assert time.monotonic() < ends, "it did not come to that in time"
        time.sleep(0.005)


class Store:
    """Rows that are due until they were noted as delivered; what failed waits a little."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.due: dict[str, Parcel] = {}
        self.not_before: dict[str, float] = {}
        self.noted: dict[str, list[str]] = {}
        self.groups: list[tuple[str, ...]] = []
        self.looks = 0
        self.is_away = False
        self.again_s = 0.01
        self.broken: Callable[[Note], SubmitFailed | None] = lambda _: None
        self.refuses: set[str] = set()
        self.limit = 10_000
        self.read_s = 0.0

    def add(self, url: str, receiver: str, count: int, **values: object) -> None:
        with self.lock:
            for number in range(count):
                name = f"{receiver}-{number}"
                self.due[name] = a_parcel(url, delivery_id=name, receiver=receiver, **values)

    def __call__(self, _now: dt.datetime, room: Room) -> Sequence[Parcel]:
        self.looks += 1
        if self.is_away:
            raise StoreUnavailable
        found: list[Parcel] = []
        counts: Counter[str] = Counter()
        with self.lock:
            now = time.monotonic()
            for parcel in self.due.values():
                ready = self.not_before.get(parcel.delivery_id, 0.0) <= now
                if ready and counts[parcel.receiver] < room(parcel.receiver):
                    counts[parcel.receiver] += 1
                    found.append(parcel)
        # What was read may be settled before whoever asked has it.
        time.sleep(self.read_s)
        return found[: self.limit]

    def settle(self, outcomes: Sequence[Outcome]) -> Sequence[Due]:
        taken = [one for one in outcomes if one.delivered]
        groups = [taken] if taken else []
        groups += [[one] for one in outcomes if not one.delivered]
        return [
            Due(
                subject=group[0].delivery_id,
                command=Note(
                    ids=tuple(one.delivery_id for one in group),
                    causes=tuple(one.cause for one in group),
                ),
                call=group[0].parcel.call,
            )
            for group in groups
        ]

    def submit(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        assert isinstance(command, Note)
        assert (call, lane) == (a_call(), "later")
        assert deadline_ns > time.monotonic_ns()
        if (error := self.broken(command)) is not None:
            raise error
        if self.refuses.intersection(command.ids):
            with self.lock:
                # The writer refuses what has moved on: it is due no more.
                for name in self.refuses:
                    self.due.pop(name, None)
            return Reply(kind="refused", problem=Problem("gone", 404), batch=1, now=START)
        with self.lock:
            self.groups.append(command.ids)
            for name, cause in zip(command.ids, command.causes, strict=True):
                self.noted.setdefault(name, []).append(cause)
                if cause == "ok":
                    self.due.pop(name, None)
                else:
                    self.not_before[name] = time.monotonic() + self.again_s
                    parcel = self.due[name]
                    self.due[name] = parcel._replace(attempt=parcel.attempt + 1)
        return Reply(kind="accepted", batch=1, now=START)

    def delivered(self, receiver: str = "") -> int:
        with self.lock:
            return sum(
                "ok" in causes for name, causes in self.noted.items() if name.startswith(receiver)
            )


class Office:
    """Deliveries over a store, with real sockets."""

    def __init__(
        self,
        store: Store,
        sender: Sender,
        *,
        every_s: float = 0.02,
        clock: Clock | None = None,
        send: Send | None = None,
    ) -> None:
        self.store = store
        self.lines = io.BytesIO()
        self.registry = CollectorRegistry()
        clock = clock or SystemClock()
        self.loop = Deliveries(
            store,
            store.settle,
            send=send or sender.post().send,
            submit=store.submit,
            clock=clock,
            every_s=every_s,
            measure=Measure(self.registry),
            log=logger(stream=self.lines, clock=clock),
        )
        self.thread = threading.Thread(target=self.loop.run)

    @contextmanager
    def running(self) -> Iterator[None]:
        self.thread.start()
        try:
            yield
        finally:
            self.loop.stop()
            self.thread.join(timeout=PATIENCE_S)
            assert not self.thread.is_alive()

    def logged(self) -> list[str]:
        return [msgspec.json.decode(line)["event"] for line in self.lines.getvalue().splitlines()]
