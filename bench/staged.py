"""Front end or writer with a stopwatch: the CPU of each stage, written down when it ends.

Run as `python -m bench.staged FD` for front ends, without an argument for the writer, by
`bench.stages`. Functions are wrapped by name; whatever runs inside one counts for it until another
stage begins. Only CPU of the thread is counted, so waiting for a lock, the disk or the other
process costs nothing here; when a request's greenlet parks, what runs meanwhile counts for whom
it runs for.
"""

import atexit
import functools
import importlib
import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import greenlet

FOLDER = "BENCH_STAGES"
LOOP = "loop, HTTP and the server's own"


class Stage(NamedTuple):
    """A stage, and the functions that begin it.

    Each is `module:Class.method` or `module:name`; with `()` at its end, what that returns.
    """

    name: str
    begins: tuple[str, ...]


FRONT_END = (
    Stage("door: checks and the rest", ("service.http.door:Door._serve",)),
    Stage("authentication and rate", ("service.http.door:Door._authenticate",)),
    Stage("body read and decoded", ("service.http.contract:BodyContract.decode",
                                    "service.http.door:Door._body")),
    Stage("facts and pseudonyms", ("service.rooms.payments.api:payment_facts",)),
    Stage("carrier: asked", ("service.carriers.cooperative:CooperativeCarrier.__call__",
                             "service.carriers.cooperative:_Link._flush",
                             "service.carriers.client:SocketCarrier.__call__")),
    Stage("carrier: answers read", ("service.carriers.cooperative:_Link._read",
                                    "service.carriers.client:_Link._read")),
    Stage("answer: texts and reasons", ("service.rooms.payments.api:payment_answer",)),
    Stage("token signed", ("service.rooms.custody.queries:Signer.sign",)),
    Stage("answer encoded", ("service.http.door:Door._written",)),
    Stage("metrics", ("service.http.operations:Metrics.watch",)),
    Stage("log line", ("service.http.operations:request_line()",)),
)  # fmt: skip
WRITER = (
    Stage("carrier: commands read", ("service.carriers.server:SocketServer.queue",)),
    Stage("inbox", ("service.writer.inbox:Inbox.put", "service.writer.inbox:Inbox.take")),
    Stage("carrier: answers sent", ("service.carriers.server:_Peer._send_all",)),
    Stage("loop and settling", ("service.writer.loop:Loop._serve",)),
    Stage("unit of work", ("service.unit_of_work.run:UnitOfWork.run_batch",)),
    Stage("declared: keys, reads", ("service.unit_of_work.run:prepare",)),
    Stage("rows read", ("service.db.sqlite:SQLiteStore.fetch",
                        "service.db.postgres:PostgresStore.fetch")),
    Stage("handler", ("service.unit_of_work.run:perform",)),
    Stage("judging", ("service.rooms.assessments.public:Judge.judge",)),
    Stage("feature state", ("service.state.cache:Overlay.add",
                            "service.state.cache:EntityCache.load",
                            "service.state.cache:EntityCache.commit")),
    Stage("state written back", ("service.state.cache:EntityCache.write_back",
                                 "service.unit_of_work.run:UnitOfWork.write_back")),
    Stage("steps assembled", ("service.unit_of_work.batch:Assembly.steps",)),
    Stage("rows written", ("service.db.sqlite:SQLiteTransaction.run",
                           "service.db.postgres:PostgresTransaction.run")),
    Stage("commit", ("service.db.sqlite:SQLiteTransaction.commit",
                     "service.db.postgres:PostgresTransaction.commit")),
    Stage("metrics and log line", ("service.writer.measure:Measure.committed",)),
    Stage("checkpoints", ("service.writer.checkpoint:Checkpointer._run",)),
)  # fmt: skip


class Stopwatch(threading.local):
    """What this thread is at, and since when; a stack for each greenlet."""

    def __init__(self) -> None:
        self.since = time.thread_time_ns()
        self.stacks: dict[int, list[str]] = {}
        self.stack = [LOOP]
        self.base = self.stack
        greenlet.settrace(self.switched)

    def charge(self) -> None:
        now = time.thread_time_ns()
        CPU_NS[self.stack[-1]] += now - self.since
        self.since = now

    def switched(self, event: str, ends: tuple[Any, Any]) -> None:
        if event in {"switch", "throw"}:
            self.charge()
            origin, target = ends
            self.stacks[id(origin)] = self.stack
            if origin.dead:
                del self.stacks[id(origin)]
            self.stack = self.stacks.get(id(target)) or [LOOP]


CPU_NS: dict[str, int] = defaultdict(int)
WALL_NS: dict[str, int] = defaultdict(int)
CALLS: dict[str, int] = defaultdict(int)
WATCH = Stopwatch()


def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that counts for a stage."""

    @functools.wraps(function)
    def around(*given: Any, **named: Any) -> Any:
        watch = WATCH
        watch.charge()
        watch.stack.append(stage)
        start = time.perf_counter_ns()
        try:
            return function(*given, **named)
        finally:
            WALL_NS[stage] += time.perf_counter_ns() - start
            CALLS[stage] += 1
            watch.charge()
            watch.stack.pop()

    return around


def made(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes functions which count for a stage."""
    return lambda *given, **named: timed(stage, function(*given, **named))


def install(stages: tuple[Stage, ...]) -> list[str]:
    """Wrap every function that is there; return the names of those that are not."""
    missing = []
    for stage in stages:
        for place in stage.begins:
            module, _, name = place.partition(":")
            *owners, last = name.removesuffix("()").split(".")
            wrap = made if name.endswith("()") else timed
            try:
                owner: Any = importlib.import_module(module)
                for one in owners:
                    owner = getattr(owner, one)
                setattr(owner, last, wrap(stage.name, getattr(owner, last)))
            except (ImportError, AttributeError):
                missing.append(place)
    return missing


def write(role: str, missing: list[str]) -> None:
    WATCH.charge()
    found = {"role": role, "cpu_ns": CPU_NS, "wall_ns": WALL_NS, "calls": CALLS}
    path = Path(os.environ[FOLDER]) / f"{role}-{os.getpid()}.json"
    path.write_text(json.dumps(found | {"missing": missing}))


def main() -> None:
    if len(sys.argv) > 1:
        from service.cli import front_end
        from service.cli.front_end import FrontEnd

        missing = install(FRONT_END)

        def worker_exit(_arbiter: Any, _worker: Any) -> None:
            write("front_end", missing)

        class Staged(FrontEnd):
            def load_config(self) -> None:
                super().load_config()
                self.cfg.set("worker_exit", worker_exit)

        front_end.FrontEnd = Staged
        front_end.main()
    else:
        from service.writer import main as writer

        missing = install(WRITER)
        atexit.register(write, "writer", missing)
        sys.exit(writer.main())


if __name__ == "__main__":
    main()
