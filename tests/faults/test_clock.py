"""The machine's clock is set while the service runs: nothing expired works, nothing comes back."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.db.places import Database
from tests.support.books import Books
from tests.support.checkout import a_payment, an_execution, create, execute
from tests.support.clients import Answer, Client, a_key
from tests.support.servers import Service
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

SOURCE = Path(__file__).parents[1] / "support/wall.c"
# Longer than a payment token lives, and shorter than an approval; then longer than both.
FOUR_MINUTES, HOUR = 240, 3_600


class Wall:
    """The clock on the wall, as every process of a service reads it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "offset"
        self.file.write_bytes(bytes(8))
        self.library = folder / "wall.so"
        command = ["cc", "-shared", "-fPIC", "-O2", "-o", str(self.library), str(SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    def set(self, offset_s: int) -> None:
        """Set the clock; each process sees it when it looks next."""
        # In place: the processes have mapped this very file.
        with self.file.open("r+b") as file:
            file.write(offset_s.to_bytes(8, sys.byteorder, signed=True))


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Wall:
    if shutil.which("cc") is None:
        pytest.skip("C compiler: cc not found")
    return Wall(tmp_path_factory.mktemp("wall"))


@pytest.fixture
def service(tmp_path: Path, wall: Wall, own_database: Database | None) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(wall.library))
        running = Service(tmp_path / "data", seams={"wall": wall.file}, database=own_database)
    with running:
        yield running


class Shopper:
    """Payments of one shop, with what its executions must answer from now on."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._made = 0
        self.expired: list[tuple[Answer, dict[str, Any]]] = []

    def approved(self) -> tuple[Answer, dict[str, Any]]:
        self._made += 1
        body = a_payment(f"clock-{self._made}")
        created = create(self._client, body)
        assert created.body["status"] == "approved"
        return created, body

    def executes(self, payment: tuple[Answer, dict[str, Any]]) -> None:
        created, body = payment
        answer = execute(self._client, created, body)
        assert answer.body["status"] == "executing", answer

    def is_refused(self, payment: tuple[Answer, dict[str, Any]]) -> None:
        created, body = payment
        execution = an_execution(body, created.body["payment_token"])
        path = f"/v1/payments/{created.body['id']}/execute"
        answer = self._client.post(path, execution, once=a_key())
        assert answer.status in {409, 422}, answer
        assert self.status(payment) not in {"executing", "executed"}

    def status(self, payment: tuple[Answer, dict[str, Any]]) -> str:
        return str(self._client.get(f"/v1/payments/{payment[0].body['id']}").body["status"])

    def check_expired(self) -> None:
        """Hold that whatever has been too old once still is."""
        for payment in self.expired:
            self.is_refused(payment)


@pytest.mark.parametrize("first", [1, -1], ids=["forward-first", "back-first"])
def test_a_clock_that_is_set_revives_nothing_and_stops_nothing(
    service: Service, wall: Wall, first: int
) -> None:
    with service.client(service.shop()) as client:
        shopper = Shopper(client)
        latest = 0
        for offset_s in (first * FOUR_MINUTES, -first * FOUR_MINUTES, first * HOUR, -first * HOUR):
            before, kept = shopper.approved(), shopper.approved()
            wall.set(offset_s)
            if offset_s > latest:
                # The service has seen a later time: what was for 120 seconds is over.
                latest = offset_s
                shopper.is_refused(before)
                shopper.expired += [before, kept]
            else:
                # A clock set back ends nothing early.
                shopper.executes(before)
                shopper.executes(kept)
            shopper.executes(shopper.approved())
            shopper.check_expired()
        wall.set(0)
        shopper.executes(shopper.approved())
        shopper.check_expired()
    books = Books(service.settings.database)
    books.check()


def test_a_timer_that_ended_a_payment_is_final_when_the_clock_goes_back(
    service: Service, wall: Wall
) -> None:
    with service.client(service.shop()) as client:
        shopper = Shopper(client)
        payment = shopper.approved()
        wall.set(3 * HOUR)
        until(lambda: shopper.status(payment) == "expired", tries=3_000)
        wall.set(-HOUR)
        shopper.is_refused(payment)
        assert shopper.status(payment) == "expired"
        shopper.executes(shopper.approved())
    wall.set(0)
