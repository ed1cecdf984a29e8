import contextlib
import http.client
import itertools
import json
import os
import signal
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.db.places import Database, Place
from service.kernel.clock import SystemClock
from service.rooms.payments.tables import PAYMENTS
from service.settings import read_settings
from tests.support.places import rows_of
from tests.support.servers import WORKER, WRITER
from tests.support.terminal import Process, Terminal, run
from tests.support.writer import until

pytestmark = pytest.mark.servers

PATIENCE_S = 60.0
# One for all, so that a payment sent again is the same request.
AT = SystemClock().now().isoformat()
CLIENTS = 6
# A connection may reach the kernel between a worker's last look into the socket and its closing,
# some microseconds later; nobody has read from it then (docs/operations.md).
RESET_BY_THE_KERNEL_MAX = 1


def environment(home: Path, **more: str) -> dict[str, str]:
    return {
        "PAYGUARD_DATA_DIR": str(home),
        "PAYGUARD_PORT": "0",
        "PAYGUARD_LOG_LEVEL": "warning",
        **more,
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A service that tests leave as they found it."""
    home = tmp_path_factory.mktemp("serve") / "home"
    with Process("serve", environment=environment(home)) as process:
        yield process


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Process]:
    """A service that its test may end."""
    with Process("serve", environment=environment(tmp_path / "home")) as process:
        yield process


@pytest.fixture
def payguard_on_each(own_place: Place, tmp_path: Path) -> Terminal:
    """A terminal on a folder of its own; a test that asks runs on both databases."""
    database = own_place if isinstance(own_place, Database) else None
    return Terminal(tmp_path / "home", database)


@pytest.fixture
def own_on_each(payguard_on_each: Terminal) -> Iterator[Process]:
    """The same as `own` on both databases."""
    given = {**environment(payguard_on_each.home), **payguard_on_each.environment}
    with Process("serve", environment=given) as process:
        yield process


def home_of(served: Process) -> Path:
    return Path(served.ready["data_dir"])


def new_key(served: Process) -> str:
    """Make a merchant and its key, by commands beside the running service."""
    return made_key(Terminal(home_of(served)))


def made_key(payguard: Terminal) -> str:
    made = payguard.json("merchant", "create", "--name", "Kites")
    return str(payguard.json("key", "create", "--merchant", made["merchant_id"])["text"])


def connect(served: Process) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=PATIENCE_S)


def get(served: Process, path: str) -> str:
    with contextlib.closing(connect(served)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def pay(
    connection: http.client.HTTPConnection, key: str, number: str
) -> tuple[int, dict[str, Any]]:
    """Send a payment; return the answer's status and body."""
    body = {
        "kind": "purchase",
        "amount": {"value": 38_000, "currency": "CNY"},
        "payer": {"payer_id": f"payer-{number}"},
        "payee": {"payee_id": "kites"},
        "occurred_at": AT,
    }
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json",
        "Idempotency-Key": f"test-payment-{number}",
    }
    connection.request("POST", "/v1/payments", json.dumps(body), headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def pay_once(served: Process, key: str, number: str) -> tuple[int, dict[str, Any]]:
    with contextlib.closing(connect(served)) as connection:
        return pay(connection, key, number)


class Load:
    """Clients that pay until nobody takes connections any more."""

    def __init__(self, served: Process, key: str, *, does_keep: bool) -> None:
        self.paid: list[str] = []
        self.statuses: set[int] = set()
        self.lost: list[str] = []
        self._served = served
        self._key = key
        self._does_keep = does_keep
        self._threads = [
            threading.Thread(target=self._work, args=(name,)) for name in range(CLIENTS)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _work(self, name: int) -> None:
        with contextlib.closing(connect(self._served)) as connection:
            for number in itertools.count():
                try:
                    status, body = pay(
                        connection, self._key, f"{self._does_keep}-{name}-{number:06}"
                    )
                except ConnectionRefusedError:
                    return
                except (OSError, http.client.HTTPException) as error:
                    self.lost.append(type(error).__name__)
                    return
                self.statuses.add(status)
                self.paid.append(body["id"])
                if not self._does_keep:
                    connection.close()


def stored(place: Place) -> set[str]:
    return {row["payment_id"] for row in rows_of(place, PAYMENTS)}


def test_a_fresh_folder_is_prepared_and_served(shared: Process) -> None:
    status, body = pay_once(shared, new_key(shared), "000001")

    assert status == 201
    assert body["status"] == "approved"
    assert stat.S_IMODE(home_of(shared).stat().st_mode) == 0o700


def test_a_stop_under_load_loses_no_request(
    own_on_each: Process, payguard_on_each: Terminal
) -> None:
    own, key = own_on_each, made_key(payguard_on_each)
    kept, new = (Load(own, key, does_keep=does_keep) for does_keep in (True, False))
    kept.start()
    new.start()
    while min(len(kept.paid), len(new.paid)) < CLIENTS * 5 and not kept.lost + new.lost:
        time.sleep(0.05)

    status, errors = own.stop(by=signal.SIGINT)
    kept.join()
    new.join()

    assert status == 0, errors
    assert kept.statuses | new.statuses == {201}
    assert not kept.lost
    assert len(new.lost) <= RESET_BY_THE_KERNEL_MAX, new.lost
    assert {*kept.paid, *new.paid} <= stored(read_settings(payguard_on_each.environment).database)


def test_a_killed_writer_comes_back_and_serves(shared: Process) -> None:
    home, key = home_of(shared), new_key(shared)
    _, before = pay_once(shared, key, "000001")

    os.kill(int((home / "writer.lock").read_text().split()[1]), signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while (answer := pay_once(shared, key, "000002"))[0] == 503:
        assert time.monotonic() < deadline
        time.sleep(0.2)

    assert answer[0] == 201
    assert {before["id"], answer[1]["id"]} <= stored(home / "payguard.sqlite")


def test_beside_a_writer_that_hangs_no_worker_is_started(shared: Process) -> None:
    """It could do nothing, and would keep its lock from a service that was told to take over."""
    [writer], [worker] = shared.children(WRITER), shared.children(WORKER)
    os.kill(writer, signal.SIGSTOP)
    try:
        os.kill(worker, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{worker}/stat").exists())
        # Several times the pause before one is started again.
        time.sleep(2.0)
        assert shared.children(WORKER) == []
    finally:
        os.kill(writer, signal.SIGCONT)
    until(lambda: bool(shared.children(WORKER)), tries=3_000)


def test_a_second_service_on_one_folder_names_the_first(shared: Process) -> None:
    result = run(["serve"], **environment(home_of(shared)))

    assert result.returncode == 2
    assert f"held by process {shared.ready['process']} " in result.stderr
    assert "next: " in result.stderr


@pytest.mark.long
def test_after_a_killed_service_another_starts_at_once(own: Process) -> None:
    home, key = home_of(own), new_key(own)
    _, before = pay_once(own, key, "000001")

    own.process.kill()
    own.process.communicate(timeout=PATIENCE_S)
    with Process("serve", environment=environment(home)) as again:
        status, after = pay_once(again, key, "000001")

    assert status == 201
    assert after["id"] == before["id"]


def test_all_processes_count_together(shared: Process) -> None:
    pay_once(shared, new_key(shared), "000001")

    text = get(shared, "/metrics")

    assert 'payguard_decisions_total{outcome="approve",stage="pre_payment"}' in text
    assert "payguard_requests_total" in text
    assert "payguard_commit_seconds_count" in text


def test_a_taken_port_keeps_it_from_starting(shared: Process, tmp_path: Path) -> None:
    port = shared.url.rpartition(":")[2]

    result = run(["serve"], **environment(tmp_path / "other", PAYGUARD_PORT=port))

    assert result.returncode == 2
    assert f"cannot listen on 127.0.0.1 port {port}" in result.stderr


def test_pending_migrations_keep_it_from_starting(fresh: Terminal) -> None:
    fresh("migrate", "--to", "0001")

    result = fresh("serve", **environment(fresh.home))

    assert result.exit_code == 2
    assert "next: run `payguard upgrade`" in result.stderr


def test_a_root_key_that_cannot_be_used_keeps_it_from_starting(payguard: Terminal) -> None:
    (payguard.home / "root.key").write_bytes(b"short")
    (payguard.home / "root.key").chmod(0o600)

    result = run(["serve"], **environment(payguard.home))

    assert result.returncode == 2
    assert "has not 32 bytes" in result.stderr
