"""Payguard as real processes on a data folder of the test's own, and a client that asks it."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from keys import entropy
from keys.api_keys import new_api_key
from service.carriers.client import SocketCarrier
from service.cli.serve import fresh_metrics
from service.db import migrate
from service.db.places import Database, Place
from service.kernel.clock import SystemClock
from service.rooms.custody.model import new_signing_key
from service.rooms.merchants.contract import CreateKey, CreateMerchant, Merchant, Preset, Scope
from service.secrets import open_secrets
from service.settings import PREFIX, Settings, read_settings
from service.unit_of_work.commands import HOUSE, Call, Command, Mode, Reply
from tests.support.clients import ANSWER_S, Client, NoAnswer
from tests.support.writer import until

ROOT: Final = Path(__file__).parents[2]
WRITER: Final = "service.writer.main"
WORKER: Final = "service.worker.main"
FRONT_END: Final = "service.cli.front_end"
# Values of the setting front_end; suites that speak HTTP over the wire run over both.
FRONT_ENDS: Final = ("cooperative", "threads")
SCOPES: Final[tuple[Scope, ...]] = (
    "payments:write",
    "payments:read",
    "payments:execute",
    "payers:write",
    "assessments:write",
    "assessments:read",
    "assessments:decide",
    "webhooks:write",
    "webhooks:read",
)
# Waiting is by polls of 10 ms; a machine that does much else at once needs some patience.
POLLS: Final = 3_000
STOP_S: Final = 20
LINES_SHOWN: Final = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A merchant and the texts of its keys, by mode."""

    merchant_id: str
    tenant_id: str
    keys: Mapping[Mode, str]


class Process:
    """One subprocess of the service, with its log."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str], log: Path):
        self._command = [sys.executable, "-m", module, *arguments]
        self.environment = dict(environment)
        self.log = log
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._running is not None
        return self._running.pid

    @property
    def is_running(self) -> bool:
        return self._running is not None and self._running.poll() is None

    def start(self, files: Sequence[int] = ()) -> None:
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(
                self._command,
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=files,
            )

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Return the exit status once it has ended."""
        assert self._running is not None
        return self._running.wait(STOP_S)

    def kill(self) -> None:
        """End it as a power cut does."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        """Ask it to stop, and return its exit status."""
        if self.is_running:
            self.send(signal.SIGTERM)
        return self.wait()

    def children(self) -> list[int]:
        """Return the processes that it forked."""
        tasks = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        return [int(one) for one in tasks.read_text().split()]

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-LINES_SHOWN:])


class Service:
    """The writer, the worker and gunicorn's workers over one data folder.

    Args:
        folder: Where everything lies; perhaps a copy of what another service left.
        writer: The module that is run as the writer; tests have others beside the real one.
        settings: Beside the defaults below, by name.
        seams: Environment of the tests' own writers, without PAYGUARD_TEST_.
        timers: Whether the worker runs.
        beside: Another service whose database and root key this one shares, with a lock, a
            socket and front ends of its own.
        database: Where its store is; None for a SQLite file in the folder.
    """

    def __init__(
        self,
        folder: Path,
        *,
        writer: str = WRITER,
        settings: Mapping[str, object] | None = None,
        seams: Mapping[str, object] | None = None,
        timers: bool = True,
        beside: "Service | None" = None,
        database: Database | None = None,
    ) -> None:
        self.folder = folder
        self._has_timers = timers
        # The product's own writer makes the first signing key itself.
        self._needs_key = writer != WRITER and beside is None
        folder.mkdir(mode=0o700, exist_ok=True)
        chosen = {
            "DATA_DIR": folder,
            "ROOT_KEY_FILE": (folder if beside is None else beside.folder) / "root.key",
            "RATE_PER_MINUTE": 10_000_000,
            "WORKERS": 2,
            **_addresses(database if beside is None else beside.settings.database),
            **(settings or {}),
        }
        ours = {f"{PREFIX}{name}": str(value) for name, value in chosen.items()}
        self.settings: Settings = read_settings(ours)
        if beside is not None and isinstance(beside.settings.database, Path):
            self.settings.database_file.symlink_to(beside.settings.database_file)
        metrics = fresh_metrics(folder)
        rest = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        environment = {
            **rest,
            **ours,
            **_seams(seams or {}),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            # One that ends by SIGSEGV says in its log where it was.
            "PYTHONFAULTHANDLER": "1",
        }
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1_024)
        self.port: int = self._listener.getsockname()[1]
        self.writer = self._process(writer, environment=environment)
        self.worker = self._process(WORKER, environment=environment)
        self.front_end = self._process(
            FRONT_END, str(self._listener.fileno()), environment=environment
        )
        self.secrets = open_secrets(self.settings.root_file, entropy.system)
        self._submit = SocketCarrier(self.settings.socket_file, clock=SystemClock())

    def __enter__(self) -> Self:
        """Migrate, start everything at once, and wait until all is ready."""
        migrate.upgrade(self.settings.database)
        try:
            self._start()
            if self._needs_key:
                self.do(new_signing_key(self.secrets.sealer, entropy.system))
            self.until_ready()
        except BaseException:
            self._end(failed=True)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._end(failed=kind is not None)

    def start_writer(self, **seams: object) -> None:
        """Start the writer again, with other seams if any are given; wait until it listens."""
        self.writer.environment.update(_seams(seams))
        self.writer.start()
        self._until_listening()

    def start_front_end(self) -> None:
        self.front_end.start(files=(self._listener.fileno(),))

    def kill_writer(self) -> None:
        """SIGKILL the writer and start it again."""
        self.writer.kill()
        self.start_writer()

    def another(self, module: str = WRITER, *arguments: str) -> Process:
        """Return a further process on this folder, not started; the caller ends it."""
        return self._process(module, *arguments, environment=self.writer.environment, log="another")

    def until_ready(self) -> None:
        until(self._is_ready, tries=POLLS)

    def do(self, command: Command, call: Call | None = None) -> Reply:
        """Submit a command as the command line does, and return its accepted reply."""
        clock = SystemClock()
        reply = self._submit(
            command,
            call=call or a_cli_call(HOUSE, HOUSE),
            deadline_ns=clock.monotonic_ns() + ANSWER_S * 10**9,
        )
        assert reply.kind == "accepted", reply
        return reply

    def shop(
        self,
        *,
        preset: Preset = "judge_only",
        modes: Iterable[Mode] = ("live",),
        scopes: tuple[Scope, ...] = SCOPES,
    ) -> Shop:
        """Create a merchant with a key for each mode."""
        made = self.do(CreateMerchant(name="Shop", preset=preset)).read(Merchant)
        call = a_cli_call(made.tenant_id, made.merchant_id)
        keys: dict[Mode, str] = {}
        for mode in modes:
            key = new_api_key(mode, entropy.system)
            hashed = key.index(self.secrets.api_key_index)
            self.do(CreateKey(mode=mode, scopes=scopes, secret_hash=hashed), call)
            keys[mode] = key.reveal()
        return Shop(merchant_id=made.merchant_id, tenant_id=made.tenant_id, keys=keys)

    def client(self, shop: Shop, mode: Mode = "live") -> Client:
        return Client(self.port, shop.keys[mode])

    def _start(self) -> None:
        self.writer.start()
        if self._has_timers:
            self.worker.start()
        self.start_front_end()
        self._until_listening()

    def _process(self, module: str, *arguments: str, log: str = "", **given: Any) -> Process:
        path = self.folder / f"{log or module.rpartition('.')[2]}-{module.split('.')[1]}.log"
        return Process(module, *arguments, log=path, **given)

    def _until_listening(self) -> None:
        def listens() -> bool:
            assert self.writer.is_running, self.writer.tail()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                return probe.connect_ex(str(self.settings.socket_file)) == 0

        until(listens, tries=POLLS)

    def _is_ready(self) -> bool:
        # One that is still starting may leave its first caller without an answer.
        with Client(self.port, "nobody") as client, contextlib.suppress(NoAnswer):
            return client.get("/readyz").status == http.HTTPStatus.OK
        return False

    def _end(self, *, failed: bool) -> None:
        processes = (self.front_end, self.worker, self.writer)
        for process in processes:
            if process.is_running:
                # One that a failing test has stopped would not see the request to end.
                process.send(signal.SIGCONT)
                try:
                    process.stop()
                except subprocess.TimeoutExpired:
                    process.kill()
        self._listener.close()
        if failed:
            for process in processes:
                print(f"--- {process.log.name}\n{process.tail()}")


def _addresses(place: Place | None) -> dict[str, str]:
    if not isinstance(place, Database):
        return {}
    return {
        "DATABASE_URL": place.writer,
        "READER_URL": place.reader,
        "OWNER_URL": place.owner,
    }


def _seams(seams: Mapping[str, object]) -> dict[str, str]:
    return {f"PAYGUARD_TEST_{name.upper()}": str(value) for name, value in seams.items()}


def a_cli_call(tenant_id: str, merchant_id: str) -> Call:
    """Return a call as the command line makes it."""
    return Call(
        principal="cli",
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        mode="live",
        origin="cli",
        request_id="req_cli",
    )


@contextlib.contextmanager
def stopped(process: Process) -> Iterator[None]:
    """Hold a process still, as a debugger or a frozen machine does."""
    process.send(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send(signal.SIGCONT)
