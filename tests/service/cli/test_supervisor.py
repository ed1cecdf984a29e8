import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from service.cli.supervisor import READY_TIMEOUT_S, CannotRun, Program, Supervisor
from service.kernel.clock import SystemClock

pytestmark = pytest.mark.long

PATIENCE_S = 20.0

# Writes a line when it starts and when it is told to stop.
OBEDIENT = """
import pathlib, signal, sys, time
name, file = sys.argv[1], pathlib.Path(sys.argv[2])
def say(word):
    with file.open("a") as opened:
        opened.write(f"{name} {word}\\n")
def stop(*_):
    say("stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
say("starts")
time.sleep(60)
"""
DEAF = """
import signal, sys, pathlib, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[2]).write_text(f"{sys.argv[1]} starts\\n")
time.sleep(60)
"""


class Lines:
    """The log that a test reads."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    def warning(self, event: str, **fields: Any) -> None:
        self.events.append((event, fields))

    def named(self, event: str) -> list[dict[str, Any]]:
        return [fields for name, fields in self.events if name == event]


def program(name: str, text: str, file: Path, *, stop_s: float = 10.0) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-c", text, name, str(file)),
        environment={},
        is_ready=lambda: file.exists() and f"{name} starts" in file.read_text(),
        stop_s=stop_s,
    )


def run(supervisor: Supervisor, *, ready: Callable[[], None]) -> bool:
    return supervisor.run(ready=ready, stopping=lambda: None)


def eventually(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_children_start_in_order_and_stop_in_reverse(tmp_path: Path) -> None:
    file = tmp_path / "said"
    programs = [program(name, OBEDIENT, file) for name in ("writer", "worker", "front")]
    supervisor = Supervisor(programs, clock=SystemClock(), log=Lines())

    stopped = run(supervisor, ready=supervisor.stop)

    assert stopped
    assert file.read_text().splitlines() == [
        *("writer starts", "worker starts", "front starts"),
        *("front stops", "worker stops", "writer stops"),
    ]


def test_a_killed_child_comes_back(tmp_path: Path) -> None:
    file, log = tmp_path / "said", Lines()
    supervisor = Supervisor([program("writer", OBEDIENT, file)], clock=SystemClock(), log=log)

    def kill_it() -> None:
        pid = log.named("child_started")[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: file.read_text().count("writer starts") == 2)
        supervisor.stop()

    killer = threading.Thread(target=kill_it)
    stopped = run(supervisor, ready=killer.start)
    killer.join()

    assert stopped
    assert log.named("child_ended")[0]["status"] == -signal.SIGKILL


def test_a_child_that_keeps_dying_waits_longer_each_time(tmp_path: Path) -> None:
    file, log = tmp_path / "said", Lines()
    dying = "import sys, pathlib; pathlib.Path(sys.argv[2]).write_text(sys.argv[1] + ' starts')"
    supervisor = Supervisor([program("writer", dying, file)], clock=SystemClock(), log=log)

    def wait() -> None:
        eventually(lambda: len(log.named("child_ended")) == 3)
        supervisor.stop()

    waiting = threading.Thread(target=wait)
    run(supervisor, ready=waiting.start)
    waiting.join()

    assert [one["restart_in_s"] for one in log.named("child_ended")] == [0.2, 0.4, 0.8]


class Hurrying(SystemClock):
    """A clock on which a second takes a twentieth of one."""

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() * 20


def test_a_child_that_served_comes_back_soon_however_often_it_ends(tmp_path: Path) -> None:
    file, log = tmp_path / "said", Lines()
    serving = """
import sys, pathlib, time
pathlib.Path(sys.argv[2]).write_text(sys.argv[1] + " starts")
time.sleep(0.5)
"""
    supervisor = Supervisor([program("writer", serving, file)], clock=Hurrying(), log=log)

    def wait() -> None:
        eventually(lambda: len(log.named("child_ended")) == 6)
        supervisor.stop()

    waiting = threading.Thread(target=wait)
    run(supervisor, ready=waiting.start)
    waiting.join()

    pauses = [one["restart_in_s"] for one in log.named("child_ended")]
    assert pauses == [0.2, 0.4, 0.8, 1.0, 1.0, 1.0]


def test_a_child_that_cannot_be_started_again_is_tried_until_it_can(tmp_path: Path) -> None:
    file, log, script = tmp_path / "said", Lines(), tmp_path / "script"

    def write(last: str) -> None:
        # Elsewhere first: what is being written cannot be run.
        new = tmp_path / "new"
        new.write_text(f"#!/bin/sh\necho $1 starts >> $2\n{last}\n")
        new.chmod(0o700)
        new.rename(script)

    write("rm $0")
    once = replace(program("writer", "", file), command=(str(script), "writer", str(file)))
    supervisor = Supervisor([once], clock=SystemClock(), log=log)

    def wait() -> None:
        eventually(lambda: len(log.named("child_not_started")) == 2)
        write("exec sleep 60")
        eventually(lambda: file.read_text().count("starts") == 2)
        supervisor.stop()

    waiting = threading.Thread(target=wait)
    run(supervisor, ready=waiting.start)
    waiting.join()

    assert [one["restart_in_s"] for one in log.named("child_not_started")] == [0.4, 0.8]


def test_one_that_cannot_be_started_at_all_is_told(tmp_path: Path) -> None:
    none = replace(program("writer", "", tmp_path / "said"), command=(str(tmp_path / "none"),))

    with pytest.raises(CannotRun, match="the writer could not be started"):
        run(Supervisor([none], clock=SystemClock(), log=Lines()), ready=lambda: None)


class Racing(SystemClock):
    """A clock on which minutes pass in a second."""

    def monotonic_ns(self) -> int:
        return super().monotonic_ns() * 500


SLOW = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
time.sleep(1)
pathlib.Path(sys.argv[2]).write_text(f"{sys.argv[1]} starts\\n")
time.sleep(60)
"""


def test_one_that_may_take_its_time_is_waited_for_and_told_of(tmp_path: Path) -> None:
    log = Lines()
    slow = replace(
        program("writer", SLOW, tmp_path / "said", stop_s=PATIENCE_S * 500), ready_s=None
    )
    supervisor = Supervisor([slow], clock=Racing(), log=log)

    assert run(supervisor, ready=supervisor.stop)

    assert log.named("child_starting")[0]["child"] == "writer"
    assert log.named("child_starting")[-1]["since_s"] > READY_TIMEOUT_S


def test_another_is_not_waited_for_without_end(tmp_path: Path) -> None:
    slow = program("front", SLOW, tmp_path / "said", stop_s=PATIENCE_S * 500)

    with pytest.raises(CannotRun, match="not ready after 120 s"):
        run(Supervisor([slow], clock=Racing(), log=Lines()), ready=lambda: None)


def test_a_child_that_cannot_start_ends_the_others(tmp_path: Path) -> None:
    file = tmp_path / "said"
    programs = [program("writer", OBEDIENT, file), program("front", "exit(2)", file)]
    supervisor = Supervisor(programs, clock=SystemClock(), log=Lines())

    with pytest.raises(CannotRun, match="the front ended at its start") as met:
        run(supervisor, ready=supervisor.stop)

    assert met.value.status == 2
    assert file.read_text().splitlines() == ["writer starts", "writer stops"]


def test_a_child_that_does_not_stop_is_killed_and_told(tmp_path: Path) -> None:
    log = Lines()
    deaf = program("front", DEAF, tmp_path / "said", stop_s=0.3)
    supervisor = Supervisor([deaf], clock=SystemClock(), log=log)

    stopped = run(supervisor, ready=supervisor.stop)

    assert not stopped
    assert log.named("child_killed")


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    deaf = program("front", DEAF, tmp_path / "said", stop_s=PATIENCE_S * 10)
    supervisor = Supervisor([deaf], clock=SystemClock(), log=Lines())

    def twice() -> None:
        supervisor.stop()
        supervisor.stop()

    assert not run(supervisor, ready=twice)


def test_the_socket_is_closed_before_the_first_child_is_told_to_stop(tmp_path: Path) -> None:
    file = tmp_path / "said"
    supervisor = Supervisor([program("front", OBEDIENT, file)], clock=SystemClock(), log=Lines())

    seen: list[str] = []
    supervisor.run(ready=supervisor.stop, stopping=lambda: seen.append(file.read_text()))

    assert seen == ["front starts\n"]


def test_one_whose_place_another_took_waits_before_it_comes_again(tmp_path: Path) -> None:
    lines = Lines()
    file = tmp_path / "said"
    ends = replace(program("worker", "import sys; sys.exit(3)", file), is_ready=lambda: True)
    stays = program("front", OBEDIENT, file)
    starts: list[int] = []

    def may_start() -> bool:
        starts.append(1)
        return True

    programs = [replace(ends, replaced=3, may_start=may_start), stays]
    supervisor = Supervisor(programs, clock=SystemClock(), log=lines)

    def stop() -> None:
        eventually(lambda: bool(lines.named("child_ended")))
        supervisor.stop()

    def ready() -> None:
        threading.Thread(target=stop).start()

    run(supervisor, ready=ready)

    assert [one["restart_in_s"] for one in lines.named("child_ended")] == [30.0]
    assert starts == [1]
