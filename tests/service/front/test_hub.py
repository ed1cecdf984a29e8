import asyncio
import contextvars
import threading
import time
from collections.abc import Iterator

import flask
import pytest

from service.front.hub import Hub, NotInTime, Wait

MARK: contextvars.ContextVar[int] = contextvars.ContextVar("mark")


class Loop:
    """A loop with a hub, run until a number of results is there."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.hub = Hub(self.loop, threads=2)
        self.results: list[object] = []

    def until(self, count: int) -> list[object]:
        end = self.loop.time() + 20
        while len(self.results) < count and self.loop.time() < end:
            self.loop.run_until_complete(asyncio.sleep(0.002))
        return self.results


@pytest.fixture
def run() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.hub.stop()
    made.loop.close()


def test_work_runs_at_once_until_it_waits(run: Loop) -> None:
    wait: Wait[str] = Wait(run.hub)

    def work() -> None:
        run.results.append("begun")
        run.results.append(wait.result(timeout_s=10))

    run.hub.spawn(work)
    assert run.results == ["begun"]
    wait.fill("came")

    assert run.results == ["begun", "came"]


def test_a_wait_ends_in_time_and_a_late_result_resumes_nobody(run: Loop) -> None:
    wait: Wait[str] = Wait(run.hub)

    def work() -> None:
        try:
            wait.result(timeout_s=0.01)
        except NotInTime:
            run.results.append("late")

    run.hub.spawn(work)
    assert run.until(1) == ["late"]
    wait.fill("too late")

    assert run.results == ["late"]


def test_a_greenlet_that_fills_anothers_wait_goes_on_itself(run: Loop) -> None:
    wait: Wait[str] = Wait(run.hub)

    def first() -> None:
        run.results.append(wait.result(timeout_s=10))

    def second() -> None:
        wait.fill("from second")
        run.results.append("second went on")

    run.hub.spawn(first)
    run.hub.spawn(second)

    assert run.until(2) == ["second went on", "from second"]


def test_blocking_work_runs_in_other_threads_and_the_loop_turns_meanwhile(run: Loop) -> None:
    began = time.perf_counter()

    def work() -> None:
        run.results.append(run.hub.offload(blocks, timeout_s=10))

    def blocks() -> str:
        time.sleep(0.2)
        return threading.current_thread().name

    run.hub.spawn(work)
    run.hub.spawn(work)
    assert time.perf_counter() - began < 0.15
    names = run.until(2)

    assert len(set(names)) == 2
    assert threading.current_thread().name not in names


def test_what_blocking_work_raises_is_raised_where_it_was_asked_for(run: Loop) -> None:
    def fails() -> None:
        raise KeyError("from the pool")

    def work() -> None:
        try:
            run.hub.offload(fails, timeout_s=10)
        except KeyError as error:
            run.results.append(error.args[0])

    run.hub.spawn(work)

    assert run.until(1) == ["from the pool"]


def test_blocking_work_that_takes_too_long_is_waited_for_no_longer(run: Loop) -> None:
    release = threading.Event()
    begun: list[int] = []

    def blocks() -> None:
        begun.append(1)
        release.wait(20)

    def work() -> None:
        try:
            run.hub.offload(blocks, timeout_s=0.05)
        except NotInTime:
            run.results.append("late")

    # Two hold the threads; the third is never begun.
    for _ in range(3):
        run.hub.spawn(work)
    results = run.until(3)
    release.set()

    assert results == ["late"] * 3
    assert len(begun) == 2


def test_no_request_sees_anothers_context_however_they_interleave(run: Loop) -> None:
    app = flask.Flask("contexts", static_folder=None)
    waits: dict[int, Wait[int]] = {}
    count = 200

    @app.get("/<int:number>")
    def view(number: int) -> str:
        assert MARK.get(None) is None
        MARK.set(number)
        flask.g.mine = number
        for _ in range(3):
            wait = waits[number] = Wait(run.hub)
            wait.result(timeout_s=20)
            assert MARK.get() == number
            assert flask.g.mine == number
            assert flask.request.view_args == {"number": number}
        return str(number)

    def request(number: int) -> None:
        with app.test_client() as client:
            run.results.append(client.get(f"/{number}").text == str(number))

    for number in range(count):
        run.hub.spawn(lambda number=number: request(number))  # type: ignore[misc]  # a default binds it
    for turn in range(3):
        order = sorted(waits, key=lambda number: (number * 7919 + turn * 104729) % 1009)
        for number in order:
            waits[number].fill(number)

    assert run.results == [True] * count
    assert MARK.get(None) is None
    assert not flask.has_request_context()
