"""What a process has made by its start is left alone; cycles made later are still found."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from service.kernel.memory import THRESHOLDS, settle


class _Node:
    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _collector_as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_was_made_before_is_not_looked_at_again() -> None:
    kept = [_Node() for _ in range(100)]
    settle()
    assert gc.get_freeze_count() >= len(kept)
    assert not any(one is kept for one in gc.get_objects())


def test_the_collector_runs_less_often_but_runs() -> None:
    settle()
    assert gc.isenabled()
    assert gc.get_threshold() == THRESHOLDS


def test_a_cycle_made_later_is_found() -> None:
    settle()
    gone = weakref.ref(_Node())
    gc.collect()
    assert gone() is None
