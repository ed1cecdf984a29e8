"""The worker submits what is due, leaves alone what faults, and tries again what did not arrive."""

import datetime as dt
import io
import threading
from collections.abc import Callable, Sequence
from typing import ClassVar

import msgspec
import pytest

from service.db.store import StoreUnavailable
from service.kernel.clock import FrozenClock
from service.kernel.errors import Faulted, Overloaded, ResultUnknown, SubmitFailed
from service.kernel.logs import logger
from service.unit_of_work.commands import Call, Command, Lane, Reply
from service.worker.due import Due
from service.worker.loop import DUE_AT_ONCE, FAULT_PAUSE, SUBMIT_TIMEOUT_NS, Timer, WorkerLoop
from tests.support.uow import START, a_call


class Rung(msgspec.Struct, frozen=True):
    pass


class Ring(Command, frozen=True, kw_only=True):
    """Ring a bell."""

    gives: ClassVar[type[msgspec.Struct]] = Rung

    bell: str


class Bells:
    """Bells that are due until they were rung, oldest first; some break when they are rung."""

    def __init__(self, *names: str) -> None:
        self.due = list(names)
        self.asked: list[int] = []

    def __call__(self, _now: dt.datetime, limit: int) -> Sequence[Due]:
        self.asked.append(limit)
        return [
            Due(subject=name, command=Ring(bell=name), call=a_call()) for name in self.due[:limit]
        ]


class Writer:
    """Takes commands as the writer does; what is broken raises."""

    def __init__(self, *bells: Bells) -> None:
        self.bells = bells
        self.broken: dict[str, SubmitFailed] = {}
        self.rung: list[str] = []
        self.tried: list[str] = []
        self.lanes: set[str] = set()
        self.deadlines: set[int] = set()
        self.then: Callable[[], None] = lambda: None

    def __call__(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        assert isinstance(command, Ring)
        assert call == a_call()
        self.tried.append(command.bell)
        self.lanes.add(lane)
        self.deadlines.add(deadline_ns)
        self.then()
        if command.bell in self.broken:
            raise self.broken[command.bell]
        self.rung.append(command.bell)
        for one in self.bells:
            one.due = [name for name in one.due if name != command.bell]
        return Reply(kind="accepted", batch=1, now=START)


class Tower:
    """A loop over bells, with a clock of its own."""

    def __init__(self, *timers: Timer, every_s: float = 0.0) -> None:
        self.clock = FrozenClock(START)
        self.writer = Writer(*(one for one in timers if isinstance(one, Bells)))
        self.lines = io.BytesIO()
        self.paused: dict[str, dt.datetime] = {}
        self.loop = WorkerLoop(
            timers,
            submit=self.writer,
            clock=self.clock,
            every_s=every_s,
            log=logger(stream=self.lines, clock=self.clock),
            paused=self.paused,
        )

    def logged(self) -> list[str]:
        return [msgspec.json.decode(line)["event"] for line in self.lines.getvalue().splitlines()]


def test_what_is_due_is_done_in_its_order() -> None:
    tower = Tower(Bells("a", "b"), Bells("c"))

    done = tower.loop.run_once()

    assert (done, tower.writer.rung) == (3, ["a", "b", "c"])


def test_timers_wait_behind_those_whom_somebody_waits_for() -> None:
    tower = Tower(Bells("a"))

    tower.loop.run_once()

    assert (tower.writer.lanes, tower.writer.deadlines) == ({"later"}, {SUBMIT_TIMEOUT_NS})


def test_a_bounded_number_is_asked_for_at_once() -> None:
    bells = Bells(*map(str, range(DUE_AT_ONCE + 5)))
    tower = Tower(bells)

    assert [tower.loop.run_once() for _ in range(3)] == [DUE_AT_ONCE, 5, 0]
    assert bells.asked == [DUE_AT_ONCE] * 3


def test_what_faults_is_left_alone_for_a_while_and_the_rest_is_done() -> None:
    tower = Tower(Bells("bad", "good"))
    tower.writer.broken["bad"] = Faulted("cmd_1")

    assert [tower.loop.run_once() for _ in range(2)] == [1, 0]
    assert tower.writer.tried == ["bad", "good"]
    assert tower.logged() == ["timer_faulted"]
    assert list(tower.paused) == ["bad"]


@pytest.mark.parametrize(("later", "tries"), [(dt.timedelta(seconds=1), 1), (dt.timedelta(0), 2)])
def test_what_faulted_is_tried_again_after_its_pause(later: dt.timedelta, tries: int) -> None:
    tower = Tower(Bells("bad"))
    tower.writer.broken["bad"] = Faulted("cmd_1")
    tower.loop.run_once()

    tower.clock.advance(FAULT_PAUSE - later)
    tower.loop.run_once()

    assert len(tower.writer.tried) == tries


def test_what_was_repaired_is_done_after_its_pause() -> None:
    tower = Tower(Bells("bad"))
    tower.writer.broken["bad"] = Faulted("cmd_1")
    tower.loop.run_once()
    tower.writer.broken.clear()

    tower.clock.advance(FAULT_PAUSE)

    assert (tower.loop.run_once(), tower.writer.rung) == (1, ["bad"])


def test_those_left_alone_crowd_nobody_out() -> None:
    bad = [f"bad-{number:03}" for number in range(DUE_AT_ONCE)]
    tower = Tower(Bells(*bad, "good"))
    tower.writer.broken = dict.fromkeys(bad, Faulted("cmd_1"))

    assert [tower.loop.run_once() for _ in range(2)] == [0, 1]
    assert tower.writer.rung == ["good"]


@pytest.mark.parametrize("failure", [Overloaded(), ResultUnknown()], ids=repr)
def test_what_did_not_arrive_is_tried_at_the_next_look(failure: SubmitFailed) -> None:
    tower = Tower(Bells("a", "b"))
    tower.writer.broken["a"] = failure
    tower.loop.run_once()
    tower.writer.broken.clear()

    tower.loop.run_once()

    assert tower.writer.tried == ["a", "b", "a"]
    assert tower.logged() == ["timer_postponed"]


def test_a_timer_that_cannot_read_leaves_the_others_their_turn() -> None:
    def broken(_now: dt.datetime, _limit: int) -> Sequence[Due]:
        raise StoreUnavailable

    tower = Tower(broken, Bells("a"))

    assert tower.loop.run_once() == 1


def test_told_to_stop_it_finishes_the_command_under_way_and_no_other() -> None:
    tower = Tower(Bells("a", "b"))
    tower.writer.then = tower.loop.stop

    tower.loop.run()

    assert tower.writer.rung == ["a"]


def test_with_more_to_do_it_does_not_wait() -> None:
    tower = Tower(Bells(*map(str, range(DUE_AT_ONCE + 1))), every_s=3_600)
    tower.writer.then = lambda: tower.loop.stop() if len(tower.writer.rung) == DUE_AT_ONCE else None
    thread = threading.Thread(target=tower.loop.run, daemon=True)

    thread.start()
    thread.join(timeout=10)

    assert not thread.is_alive()
    assert len(tower.writer.rung) == DUE_AT_ONCE + 1
