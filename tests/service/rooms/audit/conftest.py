"""A house whose log grows a tree: entries by merchants' creation, the worker's timer on demand."""

import datetime as dt
import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from keys.entropy import CountingEntropy
from keys.notes import Checkpoint, Verifier
from service.db.places import Place
from service.kernel.logs import logger
from service.rooms.audit import jobs, model, queries
from service.rooms.audit.api import ROUTES
from service.rooms.audit.commands import HANDLERS
from service.rooms.audit.contract import LOG
from service.rooms.merchants.commands import HANDLERS as MERCHANTS
from service.rooms.merchants.contract import CreateMerchant, SuspendMerchant
from service.unit_of_work.commands import Call, Command, Mode, Reply
from service.worker.outside import CheckpointFolder
from tests.support.front import Front
from tests.support.uow import House, a_call, a_house_call

EVERY: Final = dt.timedelta(seconds=10)


class Log:
    """A house with the log's handlers, and what the worker would do about its tree.

    Attributes:
        house: The unit of work and its store.
        outside: Where checkpoints are written.
        lines: What the worker logged.
    """

    def __init__(self, place: Place, folder: Path) -> None:
        self.house = House(place, (*MERCHANTS, *HANDLERS))
        self.outside = CheckpointFolder(folder, LOG)
        self.lines = io.BytesIO()
        self.restart()

    def restart(self, outside: Any = None) -> None:
        """Begin with a worker that remembers nothing."""
        self.timer = jobs.Growing(
            self.house.spanning,
            outside or self.outside,
            sealer=lambda: self.house.sealer,
            first_key=partial(
                model.new_log_key, LOG, issuer="https://pay.example", entropy=CountingEntropy(900)
            ),
            every=EVERY,
            log=logger(stream=self.lines, clock=self.house.clock),
        )

    def write(self, count: int = 1) -> Call:
        """Put entries into the log; return a call by the merchant that the last one made."""
        for _ in range(count):
            made = self.house.accept(CreateMerchant(name="Lin"), a_house_call())
        return a_call(tenant_id=made.tenant_id, merchant_id=made.merchant_id)

    def suspend(self, call: Call) -> None:
        """Put an entry of a merchant's own into the log."""
        self.house.accept(SuspendMerchant(), call)

    def due(self) -> list[Command]:
        """Return what the worker would submit now."""
        return [one.command for one in self.timer(self.house.clock.now(), 200)]

    def poll(self) -> Reply | None:
        """Do what the worker does at one poll."""
        replies = [
            self.house.run(one.command, one.call) for one in self.timer(self.house.clock.now(), 200)
        ]
        return replies[0] if replies else None

    def grow(self) -> Checkpoint:
        """Do what the worker does until there is nothing left; return the latest checkpoint."""
        self.house.clock.advance(EVERY)
        while (reply := self.poll()) is not None:
            assert reply.kind == "accepted", reply
        row = queries.latest(self.house.spanning, LOG)
        assert row is not None
        found = model.opened(row["note"], self.verifiers())
        assert found is not None
        return found

    def verifiers(self) -> list[Verifier]:
        return queries.verifiers_of(queries.keys_of(self.house.spanning, LOG))

    def leaves(self) -> list[bytes]:
        """Return the leaves of all entries."""
        read = queries.NEW_LEAVES(log=LOG, position=0, limit=100_000)
        return [row["leaf"] for row in self.house.spanning.fetch(read)]

    def front(
        self, call: Call, mode: Mode = "live", scopes: tuple[str, ...] = ("audit:read",)
    ) -> Front:
        whose = {"tenant_id": call.tenant_id, "merchant_id": call.merchant_id}
        return Front(self.house, ROUTES, scopes=scopes, mode=mode, **whose)

    def alarms(self) -> str:
        return self.lines.getvalue().decode()


@pytest.fixture
def log(place: Place, tmp_path: Path) -> Iterator[Log]:
    made = Log(place, tmp_path / "outside")
    yield made
    made.house.close()
