import pytest

from service.front.admission import LEAST, Admission


def serve(admission: Admission, *, at: float, took_s: float) -> None:
    assert admission.enter()
    admission.leave(begun_at=at, now=at + took_s)


def test_it_lets_in_as_many_as_it_may_and_no_more() -> None:
    admission = Admission(most=20, target_s=0.5)

    assert [admission.enter() for _ in range(21)] == [True] * 20 + [False]
    admission.leave(begun_at=0.0, now=0.1)
    assert admission.enter()


def test_late_answers_make_it_smaller_once_for_each_round() -> None:
    admission = Admission(most=100, target_s=0.5)
    for _ in range(100):
        assert admission.enter()

    # All of them came in before the first was late: together they say it once.
    for _ in range(100):
        admission.leave(begun_at=1.0, now=1.6)
    assert admission.limit == 80
    serve(admission, at=1.7, took_s=0.6)
    assert admission.limit == 64


def test_it_never_shuts_and_grows_again_when_answers_are_quick() -> None:
    admission = Admission(most=100, target_s=0.5)
    for turn in range(50):
        serve(admission, at=turn, took_s=0.9)
    assert admission.limit == LEAST

    for turn in range(10_000):
        serve(admission, at=100 + turn, took_s=0.01)
    assert admission.limit == 100


@pytest.mark.parametrize("most", [1, 5])
def test_fewer_than_the_least_may_be_asked_for(most: int) -> None:
    admission = Admission(most=most, target_s=0.5)
    serve(admission, at=0.0, took_s=9.0)

    assert admission.limit == most
