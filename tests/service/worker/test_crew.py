"""Loops run beside each other, stop together, and one that breaks ends the others."""

import threading

import pytest

from service.worker.crew import Crew


class Waiting:
    """Runs until stopped."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.stopped = threading.Event()
        self.thread = ""

    def run(self) -> None:
        self.thread = threading.current_thread().name
        self.begun.set()
        assert self.stopped.wait(10)

    def stop(self) -> None:
        self.stopped.set()


class Breaking(Waiting):
    def run(self) -> None:
        raise LookupError


def test_none_waits_for_another_and_all_stop() -> None:
    loops = [Waiting(), Waiting(), Waiting()]
    crew = Crew(loops)
    thread = threading.Thread(target=crew.run, name="first")
    thread.start()
    for loop in loops:
        assert loop.begun.wait(10)

    crew.stop()
    thread.join(10)

    assert not thread.is_alive()
    assert [loop.thread == "first" for loop in loops] == [True, False, False]


def test_the_first_that_breaks_ends_the_others() -> None:
    other = Waiting()

    with pytest.raises(LookupError):
        Crew([Breaking(), other]).run()

    assert other.stopped.is_set()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_another_that_breaks_ends_the_process() -> None:
    first = Waiting()

    with pytest.raises(RuntimeError):
        Crew([first, Breaking()]).run()

    assert first.stopped.is_set()
