"""Nobody runs further ahead of who was held up than the stretch is long."""

import threading

from service.cli.replay.stretch import Stretch
from tests.support.writer import until


def test_what_is_too_far_ahead_waits_until_the_oldest_is_done() -> None:
    stretch = Stretch(3, threading.Event())
    for number in range(3):
        assert stretch.enter(number)
    entered = threading.Event()

    def go() -> None:
        if stretch.enter(3):
            entered.set()

    thread = threading.Thread(target=go)
    thread.start()
    stretch.leave(1)
    stretch.leave(2)
    assert not entered.wait(0.05)
    stretch.leave(0)

    until(entered.is_set, tries=500)
    thread.join()


def test_a_stop_lets_nobody_in() -> None:
    stopping = threading.Event()
    stretch = Stretch(1, stopping)
    assert stretch.enter(0)
    stopping.set()

    assert not stretch.enter(1)


def test_without_a_length_all_may_go() -> None:
    stretch = Stretch(None, threading.Event())

    assert all(stretch.enter(number) for number in range(1_000))
