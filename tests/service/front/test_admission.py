"""How many requests are let in: learned from how long answers took, not from one slow moment."""

import heapq

import pytest

from service.front.admission import FALL_LEAST, FEW, LEAST, Admission


def serve(admission: Admission, *, at: float, took_s: float, beside: int = 0) -> None:
    """Let some in, and the last of them take some time; the others leave with it, unheard."""
    place = [admission.enter() for _ in range(beside + 1)][-1]
    assert place == beside + 1
    for one in range(place, 0, -1):
        admission.leave(one, begun_at=at, now=at + took_s)


def test_it_lets_in_as_many_as_it_may_and_no_more() -> None:
    admission = Admission(most=20, target_s=0.5)

    assert [admission.enter() for _ in range(21)] == [*range(1, 21), 0]
    admission.leave(1, begun_at=0.0, now=0.1)
    assert admission.enter() == 20


def test_late_answers_make_it_smaller_once_for_each_round() -> None:
    admission = Admission(most=100, target_s=0.5)

    # All of them came in before the first was late: together they say it once.
    serve(admission, at=1.0, took_s=0.52, beside=99)
    assert admission.limit == 80
    serve(admission, at=1.7, took_s=0.52, beside=79)
    assert admission.limit == 64


def test_it_falls_to_what_is_answered_in_time_and_no_further_than_a_quarter() -> None:
    admission = Admission(most=1_000, target_s=0.5)

    # 800 in 1.6 s are 250 in half a second.
    serve(admission, at=1.0, took_s=1.6, beside=799)
    assert admission.limit == 250

    at_once = Admission(most=1_000, target_s=0.5)
    serve(at_once, at=1.0, took_s=100.0, beside=999)
    assert at_once.limit == 250

    # 80 in 2 s are 20, but for the first time.
    serve(admission, at=3.0, took_s=2.0, beside=79)
    assert admission.limit == FEW
    serve(admission, at=6.0, took_s=2.0, beside=19)
    assert admission.limit == int(FEW * FALL_LEAST)


def test_who_found_hardly_anybody_there_was_late_for_another_reason() -> None:
    admission = Admission(most=100, target_s=0.5)

    serve(admission, at=1.0, took_s=5.0, beside=23)

    assert admission.limit == 100


def test_a_flood_is_met_within_two_seconds_and_nobody_waits_longer() -> None:
    """Three times what can be answered comes: 900 a second, of which 300 are answered in turn."""
    admission, waits = Admission(most=512, target_s=0.5), []
    under_way: list[tuple[float, int, float]] = []
    free_at = 0.0
    for number in range(9_000):
        now = number / 900
        while under_way and under_way[0][0] <= now:
            done_at, place, begun_at = heapq.heappop(under_way)
            admission.leave(place, begun_at=begun_at, now=done_at)
            waits.append((begun_at, done_at - begun_at))
        place = admission.enter()
        if place:
            free_at = max(free_at, now) + 1 / 300
            heapq.heappush(under_way, (free_at, place, now))

    assert max(wait for _, wait in waits) < 2
    assert max(wait for begun_at, wait in waits if begun_at > 2) < 0.75
    # Nothing is idle meanwhile.
    assert len(waits) > 0.95 * 10 * 300


def test_it_never_shuts_and_grows_again_when_answers_are_quick() -> None:
    admission = Admission(most=100, target_s=0.5)
    for turn in range(50):
        serve(admission, at=turn, took_s=0.9, beside=admission.limit - 1)
    assert admission.limit == LEAST

    for turn in range(10_000):
        serve(admission, at=100 + turn, took_s=0.01)
    assert admission.limit == 100


@pytest.mark.parametrize("most", [1, 5])
def test_fewer_than_the_least_may_be_asked_for(most: int) -> None:
    admission = Admission(most=most, target_s=0.5)
    serve(admission, at=0.0, took_s=9.0)

    assert admission.limit == most
