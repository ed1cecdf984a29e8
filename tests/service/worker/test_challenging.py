"""The loop that looks for challengers: it runs its command, and never keeps a stop waiting."""

import io
import json
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.worker.challenging import Challenging


class Lines(io.BytesIO):
    """Where a log's lines go."""

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.getvalue().splitlines()]


def a_log(lines: Lines) -> FilteringBoundLogger:
    return logger(stream=lines, clock=SystemClock())


def running(loop: Challenging) -> threading.Thread:
    thread = threading.Thread(target=loop.run)
    thread.start()
    return thread


def until_there(file: Path) -> None:
    ends = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < ends
        time.sleep(0.01)


def python(text: str) -> Sequence[str]:
    return (sys.executable, "-c", text)


def test_the_command_is_run_again_and_again_until_stopped(tmp_path: Path) -> None:
    text = (
        "import pathlib, sys; one, two = map(pathlib.Path, sys.argv[1:]);"
        " (two if one.exists() else one).touch()"
    )
    one, two = tmp_path / "one", tmp_path / "two"
    loop = Challenging(0.01, a_log(Lines()), (*python(text), str(one), str(two)))
    thread = running(loop)
    until_there(two)

    loop.stop()
    thread.join(timeout=30)

    assert not thread.is_alive()


def test_a_training_that_is_under_way_is_ended_by_a_stop(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    text = f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(600)"
    lines = Lines()
    loop = Challenging(0.01, a_log(lines), python(text))
    thread = running(loop)
    until_there(begun)

    loop.stop()
    thread.join(timeout=30)

    assert not thread.is_alive()
    assert lines.events() == []


def test_what_fails_is_logged_by_its_code_and_tried_again_later() -> None:
    lines = Lines()
    text = 'import sys; print(\'{"error": {"code": "no_disk", "what": "x"}}\'); sys.exit(7)'
    loop = Challenging(0.01, a_log(lines), python(text))
    thread = running(loop)
    ends = time.monotonic() + 30
    while lines.events().count("challenger_failed") < 2:
        assert time.monotonic() < ends
        time.sleep(0.01)

    loop.stop()
    thread.join(timeout=30)

    assert b'"code":"no_disk"' in lines.getvalue()


def test_nothing_is_run_where_it_is_switched_off() -> None:
    lines = Lines()
    loop = Challenging(0, a_log(lines), ("/no/such/program",))
    thread = running(loop)
    time.sleep(0.2)

    loop.stop()
    thread.join(timeout=30)

    assert not thread.is_alive()
    assert lines.events() == []
