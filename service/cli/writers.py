"""The way from a command to the writer: the one that runs, or one of its own for a moment."""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final, Self, TypeVar

import msgspec
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from keys import entropy
from keys.roots.file import RootRefused
from service.carriers.client import SocketCarrier
from service.carriers.queue import QueueCarrier
from service.cli.database import require_current, require_root_key, standing
from service.cli.screen import NO_ANSWER, REFUSED, Failure
from service.db.store import StoreUnavailable
from service.db.stores import open_store
from service.http.problems import Texts
from service.kernel.clock import SystemClock
from service.kernel.errors import Faulted, Overloaded, Refusal, ResultUnknown
from service.kernel.ids import new_id
from service.kernel.logs import logger
from service.rooms.strategies.public import StrategyRefused
from service.settings import Settings
from service.unit_of_work.commands import HOUSE, Call, Command, Mode, Reply, Submit
from service.unit_of_work.run import WriterStops
from service.writer.checkpoint import checkpoints
from service.writer.lock import WriterRuns, writer_lock
from service.writer.main import holding, open_writer

AnyCommand = TypeVar("AnyCommand", bound=Command)

PRINCIPAL: Final = "cli"
DEADLINE_NS: Final = 10_000_000_000


class WriterThread:
    """A writer as a thread of this process, under the writer's lock.

    Args:
        settings: Where it works.
        registry: Takes its counts.
        log: Takes its lines.
        stopped: Called by its thread when only a restart is safe.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        registry: CollectorRegistry,
        log: FilteringBoundLogger,
        stopped: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._log = log
        self._stopped = stopped
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Take the lock and begin.

        Raises:
            WriterRuns: Another writer holds the lock.
            RootRefused: The root key's file cannot be used.
            StrategyRefused: The strategy in force is not what was signed.
            StoreUnavailable: The database cannot be used.
        """
        settings = self._settings
        with contextlib.ExitStack() as opened:
            lock = opened.enter_context(writer_lock(settings))
            store = open_store(settings.database, hold=holding(lock))
            opened.callback(store.close)
            writer = open_writer(settings, store, registry=self._registry, log=self._log)
            opened.enter_context(checkpoints(settings.database, self._log))
            ready = threading.Event()
            thread = threading.Thread(target=self._run, args=(writer.loop.run, ready.set))
            thread.start()
            opened.callback(thread.join)
            opened.callback(writer.stop)
            ready.wait()
            self.submit: Submit = QueueCarrier(
                writer.put, clock=SystemClock(), entropy=entropy.system
            )
            self._closing = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Finish what waits, then give everything back."""
        self._closing.close()

    def _run(self, run: Callable[..., None], ready: Callable[[], None]) -> None:
        try:
            run(ready=ready)
        except WriterStops as error:
            self._log.error("writer_stops", reason=str(error))
            self._stopped()


@contextlib.contextmanager
def writer_at_hand(settings: Settings) -> Iterator[Submit]:
    """Yield the way to the writer: to the one that runs, or to one that runs as long as this.

    Raises:
        Failure: Neither can be had.
    """
    carrier = SocketCarrier(settings.socket_file, clock=SystemClock())
    if carrier.reaches():
        yield carrier
        return
    require_current(settings.database, standing(settings.database))
    require_root_key(settings)
    quiet = logger(stream=sys.stderr.buffer, clock=SystemClock(), level=logging.ERROR)
    try:
        with WriterThread(
            settings, registry=CollectorRegistry(), log=quiet, stopped=lambda: None
        ) as writer:
            yield writer.submit
    except WriterRuns as error:
        raise Failure(
            "writer_silent",
            f"a writer runs but does not answer at {settings.socket_file}: {error}",
            then="wait a moment if it just starts; else look at its log, or restart the service",
            status=NO_ANSWER,
        ) from error
    except (RootRefused, StrategyRefused, StoreUnavailable) as error:
        raise Failure(
            "cannot_start", str(error), then="`payguard doctor` looks for the cause"
        ) from error


def house_call() -> Call:
    """Return the call of this command line, for the house."""
    return merchant_call(HOUSE, HOUSE, mode="live")


def merchant_call(tenant_id: str, merchant_id: str, *, mode: Mode) -> Call:
    """Return the call of this command line, for a merchant."""
    return Call(
        principal=PRINCIPAL,
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        mode=mode,
        origin=PRINCIPAL,
        request_id=new_id("req", now=SystemClock().now(), entropy=entropy.system),
    )


def checked(kind: type[AnyCommand], **values: object) -> AnyCommand:
    """Return a command whose values are as its contract says.

    Raises:
        Failure: They are not; the text names the field and the rule, not the value.
    """
    try:
        return msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise Failure("options_invalid", str(error), then="see this command's --help") from error


def ask(submit: Submit, command: Command, *, call: Call, deadline_ns: int = DEADLINE_NS) -> Reply:
    """Return the accepted reply to a command.

    Args:
        submit: The way to the writer.
        command: What is to be done.
        call: As whom.
        deadline_ns: How long it may take.

    Raises:
        Failure: It was refused, or nobody answered.
    """
    ends_ns = SystemClock().monotonic_ns() + deadline_ns
    try:
        reply = submit(command, call=call, deadline_ns=ends_ns)
    except Overloaded as error:
        raise Failure(
            "overloaded",
            "the writer took no command; nothing was changed",
            then="try again in a moment",
            status=NO_ANSWER,
        ) from error
    except ResultUnknown as error:
        raise Failure(
            "result_unknown",
            "no answer came in time; it may have been done",
            then="look before you repeat it: `payguard key list`, or the writer's log",
            status=NO_ANSWER,
        ) from error
    except Faulted as fault:
        raise Failure(
            "internal_error",
            f"the command met a fault and changed nothing: {fault.fault_id}",
            then=f"`payguard command rerun {fault.fault_id} --dry` shows where",
            status=REFUSED,
        ) from fault
    if reply.problem is not None:
        raise refused(reply)
    return reply


def refused(reply: Reply) -> Failure:
    """Return a refusal as people are told it: the service's own words."""
    assert reply.problem is not None
    refusal = Refusal(reply.problem, fields=reply.fields, errors=reply.errors)
    said = Texts.load().body(refusal, language="en", request_id="")
    return Failure(reply.problem.code, str(said["title"]), then=str(said["detail"]), status=REFUSED)
