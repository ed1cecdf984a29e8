"""How long it takes to verify and export a log: `python -m bench.audit [ENTRIES] [--stores ...]`.

The store is made by the writer's own statements and signed by the worker; then
`payguard audit verify`, `payguard audit export` and the stand-alone verifier run over it, each in a
process of its own, as an operator and a stranger run them. Ends with 1 where one of the verifiers
raises a false alarm, leaves an entry out or takes too long.
"""

import argparse
import contextlib
import datetime as dt
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from bench import stores
from keys import entropy
from service.cli import verify_log
from service.cli.writers import WriterThread
from service.db import migrate
from service.db.places import Database
from service.db.statements import Statement
from service.db.stores import open_spanning_reader, open_store
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.rooms.audit.contract import LOG
from service.rooms.audit.queries import tree_size
from service.secrets import open_secrets
from service.settings import Settings, read_settings
from service.unit_of_work.commands import Call
from service.unit_of_work.entries import INSERT_NUMBER, Place, write
from service.unit_of_work.outcome import Entry
from service.unit_of_work.tables import WRITER
from service.worker.loop import WorkerLoop
from service.worker.main import open_worker
from service.writer.fence import take_over
from tests.support.postgres import Cluster

ENTRIES: Final = 100_000
# Of each verifier, for that many entries, by the clock.
GOAL_S: Final = 10.0
MERCHANTS: Final = 20
AT_ONCE: Final = 1_000
COUNT: Final = Statement(
    sa.update(WRITER)
    .where(WRITER.c.shard == sa.bindparam("of_shard"))
    .values(
        entries=sa.bindparam("written"), sequence=sa.bindparam("to"), folded=sa.bindparam("to")
    ),
    rows=1,
    name="count of the bench's entries",
)
PAYGUARD: Final = Path(sys.executable).with_name("payguard")


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, and what was found.

    Attributes:
        entries: How many were made.
        covered: How many of the log's both verifiers looked at under a checkpoint, at least.
        verify_s: `payguard audit verify`, by the clock.
        verify_cpu_s: The same, of processor.
        export_s: `payguard audit export`.
        export_cpu_s: The same, of processor.
        stranger_s: The stand-alone verifier on that export.
        stranger_cpu_s: The same, of processor.
        verified: Whether both found nothing bad.
    """

    entries: int
    covered: int
    verify_s: float
    verify_cpu_s: float
    export_s: float
    export_cpu_s: float
    stranger_s: float
    stranger_cpu_s: float
    verified: bool

    @property
    def met(self) -> bool:
        """Whether both verifiers saw all of it, found nothing bad, and were quick enough."""
        allowed_s = GOAL_S * max(self.entries / ENTRIES, 1)
        is_quick = max(self.verify_s, self.stranger_s) < allowed_s
        return self.verified and self.covered >= self.entries and is_quick


def settings_of(folder: Path, database: Database | None = None) -> Settings:
    """Return settings of a store in a folder, or in a PostgreSQL database."""
    return read_settings(_environment(folder, database))


def _environment(folder: Path, database: Database | None) -> dict[str, str]:
    told = {"PAYGUARD_DATA_DIR": str(folder), "PAYGUARD_CHECKPOINT_EVERY_S": "1"}
    if database is not None:
        told["PAYGUARD_DATABASE_URL"] = database.writer
        told["PAYGUARD_READER_URL"] = database.reader
        told["PAYGUARD_OWNER_URL"] = database.owner
    return told


def make(settings: Settings, count: int) -> None:
    """Make a store whose log has so many entries and is signed."""
    settings.data_dir.mkdir(mode=0o700, parents=True)
    migrate.upgrade(settings.database)
    open_secrets(settings.root_file, entropy.system)
    _fill(settings, count)
    log = logger(stream=io.BytesIO(), clock=SystemClock())
    registry = CollectorRegistry()
    with WriterThread(settings, registry=registry, log=log, stopped=lambda: None) as writer:
        crew = open_worker(settings, submit=writer.submit, registry=CollectorRegistry(), log=log)
        loops = [one for one in crew.loops if isinstance(one, WorkerLoop)]
        reader = open_spanning_reader(settings.database)
        while tree_size(reader, LOG) < count:
            for loop in loops:
                loop.run_once()
        for loop in loops:
            loop.run_once()


def _fill(settings: Settings, count: int) -> None:
    with contextlib.closing(open_store(settings.database)) as store:
        now = SystemClock().now()
        take_over(store, shard=0, now=now)
        for start in range(0, count, AT_ONCE):
            transaction = store.begin()
            rows = range(start, min(start + AT_ONCE, count))
            transaction.run([_entry(position, now) for position in rows])
            transaction.commit()
        transaction = store.begin()
        for merchant in range(min(MERCHANTS, count)):
            number = (count - merchant - 1) // MERCHANTS + 1
            owner = {"tenant_id": f"ten_{merchant}", "merchant_id": f"mer_{merchant}"}
            transaction.run([INSERT_NUMBER(**owner, number=number)])
        transaction.run([COUNT(of_shard=0, written=count, to=count)])
        transaction.commit()


def _entry(position: int, now: dt.datetime) -> Any:
    merchant = position % MERCHANTS
    call = Call(
        principal="key_01K0000000000000000000000",
        tenant_id=f"ten_{merchant}",
        merchant_id=f"mer_{merchant}",
        mode="live",
        origin="203.0.113.7",
        request_id=f"req_{position:026}",
    )
    entry = Entry(
        kind="payment.created",
        subject=f"pay_{position:026}",
        payment=f"pay_{position:026}",
        strategy="str_0000000000000000",
        fields={"outcome": "approve", "inputs": "0" * 64, "features": "1" * 64, "level": 1},
    )
    place = Place(
        log=LOG,
        position=position,
        number=position // MERCHANTS + 1,
        sequence=position + 1,
        batch=position + 1,
        at=now,
    )
    return write(entry, call=call, place=place)[0]


def measure(settings: Settings, entries: int) -> Took:
    """Return how long each of the three takes, their processes' start included."""
    place = settings.database
    database = place if isinstance(place, Database) else None
    environment = {**os.environ, **_environment(settings.data_dir, database)}
    export = settings.data_dir / "export.jsonl"
    key = (settings.checkpoints / f"log-{LOG}.key").read_text().strip()
    known = settings.checkpoints / f"log-{LOG}.checkpoint"

    def timed(*command: object) -> tuple[float, float, dict[str, Any]]:
        began, before = time.perf_counter(), _children_cpu_s()
        done = subprocess.run(
            [str(one) for one in command],
            env=environment,
            capture_output=True,
            check=False,
            text=True,
        )
        took = time.perf_counter() - began, _children_cpu_s() - before
        return *took, json.loads(done.stdout)

    verify_s, verify_cpu_s, mine = timed(PAYGUARD, "audit", "verify", "--json")
    export_s, export_cpu_s, _ = timed(PAYGUARD, "audit", "export", export, "--json")
    stranger = (sys.executable, "-I", verify_log.__file__, export)
    stranger_s, stranger_cpu_s, theirs = timed(*stranger, "--key", key, "--known", known, "--json")
    return Took(
        entries=entries,
        covered=min(mine.get("size", 0), theirs["entries"]),
        verify_s=round(verify_s, 2),
        verify_cpu_s=round(verify_cpu_s, 2),
        export_s=round(export_s, 2),
        export_cpu_s=round(export_cpu_s, 2),
        stranger_s=round(stranger_s, 2),
        stranger_cpu_s=round(stranger_cpu_s, 2),
        verified=mine["verified"] and theirs["verified"],
    )


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Make a log on each store, measure, print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("entries", type=int, nargs="?", default=ENTRIES)
    parser.add_argument("--stores", nargs="+", default=stores.available())
    given = parser.parse_args()
    is_met = True
    for store in given.stores:
        with contextlib.ExitStack() as stack:
            prefix = "payguard-bench-"
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix))
            database = None
            if store == stores.POSTGRES:
                database = stack.enter_context(Cluster()).database()
            settings = settings_of(Path(folder) / "data", database)
            make(settings, given.entries)
            took = measure(settings, given.entries)
        told = msgspec.to_builtins(took) | {"store": store, "met": took.met}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        is_met &= took.met
    return 0 if is_met else 1


if __name__ == "__main__":
    raise SystemExit(main())
