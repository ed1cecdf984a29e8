"""A receiver is given as much as it has shown that it takes."""

import pytest

from service.worker.parcels import WAITING_PER_RECEIVER, Outcome
from service.worker.receivers import (
    FAILURES_MAX,
    REST_FIRST_NS,
    REST_MAX_NS,
    WINDOW_FIRST,
    Receiver,
)
from tests.service.worker.conftest import a_parcel

NOW = 1_000_000_000


def came(receiver: Receiver, *, delivered: bool, now: int = NOW, retry: int | None = None) -> None:
    outcome = Outcome(
        parcel=a_parcel("https://shop.example/"),
        delivered=delivered,
        status=200 if delivered else 503,
        cause="ok" if delivered else "status",
        latency_ms=1,
        retry_after_s=retry,
    )
    receiver.came(outcome, now)


def test_its_share_grows_with_what_it_takes_up_to_the_most() -> None:
    receiver = Receiver("whe_1")
    rooms = []
    for _ in range(6):
        rooms.append(receiver.room(NOW, is_tight=False))
        came(receiver, delivered=True)

    assert rooms == [WINDOW_FIRST, 8, 16, 32, WAITING_PER_RECEIVER, WAITING_PER_RECEIVER]


def test_one_failure_leaves_it_one_at_a_time() -> None:
    receiver = Receiver("whe_1")
    came(receiver, delivered=True)
    came(receiver, delivered=False)

    assert receiver.room(NOW, is_tight=False) == 1


def test_what_it_holds_is_part_of_its_share() -> None:
    receiver = Receiver("whe_1")
    receiver.held = WINDOW_FIRST - 1

    assert receiver.room(NOW, is_tight=False) == 1
    assert receiver.room(NOW, is_tight=True) == 0


def test_after_many_failures_it_rests_longer_and_longer_and_one_parcel_tries() -> None:
    receiver = Receiver("whe_1")
    for _ in range(FAILURES_MAX):
        came(receiver, delivered=False)

    assert receiver.room(NOW + REST_FIRST_NS - 1, is_tight=False) == 0
    assert receiver.room(NOW + REST_FIRST_NS, is_tight=False) == 1
    came(receiver, delivered=False)
    assert receiver.room(NOW + 2 * REST_FIRST_NS - 1, is_tight=False) == 0
    for _ in range(50):
        came(receiver, delivered=False)
    assert receiver.room(NOW + REST_MAX_NS, is_tight=False) == 1


def test_one_success_ends_its_rest() -> None:
    receiver = Receiver("whe_1")
    for _ in range(FAILURES_MAX):
        came(receiver, delivered=False)
    came(receiver, delivered=True)

    assert receiver.room(NOW, is_tight=False) > 0


@pytest.mark.parametrize(("retry", "rest_ns"), [(3, 3_000_000_000), (86_400, REST_MAX_NS)])
def test_it_rests_as_long_as_it_asks_within_bounds(retry: int, rest_ns: int) -> None:
    receiver = Receiver("whe_1")
    came(receiver, delivered=False, retry=retry)

    assert receiver.room(NOW + rest_ns - 1, is_tight=False) == 0
    assert receiver.room(NOW + rest_ns, is_tight=False) == 1


def test_it_is_only_forgotten_when_nothing_is_lost() -> None:
    receiver = Receiver("whe_1")
    assert receiver.is_forgettable(NOW)
    came(receiver, delivered=False)
    assert not receiver.is_forgettable(NOW)
