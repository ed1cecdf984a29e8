"""The writer's queue: order for each key, hot keys, lone commands, two lanes, bounds."""

import random
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.kernel.errors import Overloaded
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import Call, Command, Lane
from service.unit_of_work.handlers import Handlers, View, handles
from service.unit_of_work.outcome import Outcome
from service.writer.inbox import BATCH_MAX, LATER_SHARE, Inbox, Waiting
from tests.support.jars import Held
from tests.support.writer import a_call


class Touch(Command, frozen=True):
    gives: ClassVar[type[msgspec.Struct]] = Held
    number: int
    touches: tuple[str, ...] = ()


class Alone(Touch, frozen=True):
    pass


class Broken(Touch, frozen=True):
    pass


def never(_view: View, _command: Any, _ctx: Any) -> Outcome:
    raise AssertionError("the inbox runs nothing")


def no_keys(_command: Any, _call: Call) -> Sequence[str]:
    raise LookupError("secret")


def touched(command: Touch, _call: Call) -> Sequence[str]:
    return command.touches


HANDLERS = Handlers(
    [
        handles(Touch, keys=touched, reads=lambda _c, _call: [])(never),
        handles(Alone, keys=touched, reads=None)(never),
        handles(Broken, keys=no_keys, reads=lambda _c, _call: [])(never),
    ]
)


def an_inbox(length_max: int = 100_000) -> Inbox:
    return Inbox(HANDLERS, length_max=length_max)


def put(inbox: Inbox, command: Command, lane: Lane = "now", **call: Any) -> None:
    ticket = Ticket(command=command, call=a_call(**call), deadline_ns=0, seed=bytes(32))
    inbox.put(ticket, lane=lane, settle=lambda _: None)


def touch(inbox: Inbox, number: int, *keys: str, lane: Lane = "now") -> None:
    put(inbox, Touch(number=number, touches=keys), lane)


def taken(inbox: Inbox) -> list[int]:
    return [number_of(one) for one in inbox.take(timeout_s=0)]


def number_of(waiting: Waiting) -> int:
    assert isinstance(waiting.ticket.command, Touch)
    return waiting.ticket.command.number


def test_a_batch_holds_one_command_a_key() -> None:
    inbox = an_inbox()
    for number, key in enumerate("aabac"):
        touch(inbox, number, key)

    assert [taken(inbox) for _ in range(4)] == [[0, 2, 4], [1], [3], []]


def test_a_command_of_two_keys_waits_for_both() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    touch(inbox, 1, "b")
    touch(inbox, 2, "a", "b")
    touch(inbox, 3, "b")
    touch(inbox, 4, "c")

    assert [taken(inbox) for _ in range(4)] == [[0, 1, 4], [2], [3], []]


def test_nothing_overtakes_a_waiter_with_which_it_shares_a_key() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    touch(inbox, 1, "a", "b")
    touch(inbox, 2, "b")

    assert [taken(inbox) for _ in range(3)] == [[0], [1], [2]]


def test_a_hot_key_holds_up_nobody_else() -> None:
    inbox = an_inbox()
    for number in range(20_000):
        touch(inbox, number, "hot")
    touch(inbox, 99_999, "cold")

    assert taken(inbox) == [0, 99_999]


def test_a_batch_ends_at_its_limit() -> None:
    inbox = an_inbox()
    for number in range(BATCH_MAX + 3):
        touch(inbox, number, f"k{number}")

    assert [len(taken(inbox)) for _ in range(3)] == [BATCH_MAX, 3, 0]


def test_a_lone_command_has_a_batch_of_its_own_in_its_turn() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    put(inbox, Alone(number=1, touches=("x",)))
    touch(inbox, 2, "b")
    put(inbox, Alone(number=3, touches=("x",)))

    assert [taken(inbox) for _ in range(5)] == [[0], [1], [2], [3], []]


def test_a_lone_command_is_not_starved_by_what_keeps_coming() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    put(inbox, Alone(number=-1, touches=("x",)))
    seen = []
    for number in range(1, 4):
        touch(inbox, number, f"k{number}")
        seen.append(taken(inbox))

    assert seen[:2] == [[0], [-1]]


def test_a_lone_command_waits_for_its_own_key() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    touch(inbox, 1, "a")
    put(inbox, Alone(number=2, touches=("a",)))

    assert [taken(inbox) for _ in range(3)] == [[0], [1], [2]]


def test_the_later_lane_has_the_batch_when_nobody_else_waits() -> None:
    inbox = an_inbox()
    for number in range(100):
        touch(inbox, number, f"k{number}", lane="later")

    assert len(taken(inbox)) == 100


def test_the_later_lane_gets_at_most_a_tenth_while_others_wait() -> None:
    inbox = an_inbox()
    for number in range(2_000):
        touch(inbox, number, f"n{number}")
        touch(inbox, -1 - number, f"l{number}", lane="later")

    batches = [taken(inbox) for _ in range(7)]

    assert all(len(batch) == BATCH_MAX for batch in batches)
    assert all(sum(n < 0 for n in batch) <= BATCH_MAX // LATER_SHARE for batch in batches)


def test_the_later_lane_gets_a_tenth_even_of_a_batch_that_a_hot_key_leaves_empty() -> None:
    inbox = an_inbox()
    for number in range(100):
        touch(inbox, number, "hot")
        touch(inbox, -1 - number, f"l{number}", lane="later")

    batches = [taken(inbox) for _ in range(3)]

    assert [len(batch) for batch in batches] == [1 + BATCH_MAX // LATER_SHARE] * 3


def test_the_later_lane_is_not_starved_by_a_full_now_lane() -> None:
    inbox = an_inbox()
    touch(inbox, -1, "l", lane="later")
    seen: list[int] = []
    for batch in range(LATER_SHARE):
        for number in range(BATCH_MAX):
            touch(inbox, number, f"{batch}.{number}")
        seen += taken(inbox)

    assert -1 in seen


def test_the_later_lane_is_not_starved_by_lone_commands() -> None:
    inbox = an_inbox()
    touch(inbox, -1, "l", lane="later")
    seen: list[int] = []
    for number in range(2 * LATER_SHARE):
        put(inbox, Alone(number=number))
        seen += taken(inbox)

    assert -1 in seen


def test_a_lone_command_of_the_later_lane_is_not_starved() -> None:
    inbox = an_inbox()
    put(inbox, Alone(number=-1), "later")
    seen = []
    for number in range(2 * LATER_SHARE):
        touch(inbox, number, f"k{number}")
        touch(inbox, number, f"m{number}")
        seen.append(taken(inbox))

    assert [-1] in seen


def test_lanes_that_share_a_key_never_share_a_batch() -> None:
    inbox = an_inbox()
    touch(inbox, -1, "a", lane="later")
    touch(inbox, -2, "b", lane="later")
    touch(inbox, 1, "a")

    assert [taken(inbox) for _ in range(3)] == [[1, -2], [-1], []]


@pytest.mark.parametrize("lane", ["now", "later"])
def test_a_full_lane_takes_no_more_and_the_other_does(lane: Lane) -> None:
    inbox = an_inbox(length_max=2)
    touch(inbox, 0, "a", lane=lane)
    touch(inbox, 1, "b", lane=lane)

    with pytest.raises(Overloaded):
        touch(inbox, 2, "c", lane=lane)

    touch(inbox, 3, "d", lane="later" if lane == "now" else "now")
    assert len(inbox) == 3


def test_what_is_put_back_comes_first_and_keeps_its_keys() -> None:
    inbox = an_inbox()
    for number, key in enumerate("abc"):
        touch(inbox, number, key)
    touch(inbox, 3, "b")
    batch = inbox.take(timeout_s=0)
    touch(inbox, 4, "d")

    inbox.put_back(batch[1:])

    assert [taken(inbox) for _ in range(3)] == [[1, 2, 4], [3], []]


def test_what_the_later_lane_put_back_stays_in_it() -> None:
    inbox = an_inbox()
    touch(inbox, -1, "l", lane="later")
    inbox.put_back(inbox.take(timeout_s=0))
    for number in range(BATCH_MAX):
        touch(inbox, number, f"k{number}")

    assert -1 not in taken(inbox)


def test_two_commands_of_one_idempotency_key_wait_for_each_other() -> None:
    inbox = an_inbox()
    put(inbox, Touch(number=0), key="k")
    put(inbox, Touch(number=1), key="k")
    put(inbox, Touch(number=2), key="k", merchant_id="mer_2")

    assert [taken(inbox) for _ in range(2)] == [[0, 2], [1]]


def test_a_command_whose_keys_cannot_be_told_runs_alone_to_its_fault() -> None:
    inbox = an_inbox()
    put(inbox, Broken(number=0))
    touch(inbox, 1, "a")

    [broken] = inbox.take(timeout_s=0)

    assert broken.ticket.cause.startswith("LookupError at test_inbox.py")
    assert "secret" not in broken.ticket.cause


def test_a_command_that_no_room_handles_is_the_caller_s_mistake() -> None:
    with pytest.raises(KeyError):
        Inbox(Handlers([]), length_max=9).put(
            Ticket(command=Touch(number=0), call=a_call(), deadline_ns=0, seed=bytes(32)),
            lane="now",
            settle=lambda _: None,
        )


def test_a_closed_inbox_gives_back_what_waits_and_takes_no_more() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    touch(inbox, 1, "a")
    touch(inbox, 2, "b", lane="later")

    rest = inbox.close()

    assert [number_of(one) for one in rest] == [0, 1, 2]
    assert taken(inbox) == []
    with pytest.raises(Overloaded):
        touch(inbox, 3, "c")


def test_an_inbox_that_stops_taking_still_gives() -> None:
    inbox = an_inbox()
    touch(inbox, 0, "a")
    touch(inbox, 1, "a")

    inbox.stop_taking()

    assert [taken(inbox) for _ in range(3)] == [[0], [1], []]
    with pytest.raises(Overloaded):
        touch(inbox, 2, "b")


COMMANDS = st.lists(
    st.tuples(
        st.frozensets(st.sampled_from("abcd"), max_size=3),
        st.sampled_from(["now", "now", "later"]),
        st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=300)
@given(COMMANDS, st.integers(0, 2**32))
def test_every_command_is_given_once_in_the_order_of_its_keys(
    commands: list[tuple[frozenset[str], Lane, bool]], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  seeded on purpose
    inbox = an_inbox()
    waiting = list(enumerate(commands))
    batches: list[list[Waiting]] = []
    idle = 0
    while idle < 2:
        for number, (keys, lane, runs_alone) in waiting[: (some := chance.randrange(6))]:
            kind = Alone if runs_alone and chance.random() < 0.3 else Touch
            put(inbox, kind(number=number, touches=tuple(keys)), lane)
        waiting = waiting[some:]
        batch = inbox.take(timeout_s=0)
        cut = chance.randrange(1, len(batch) + 1) if batch and chance.random() < 0.3 else len(batch)
        if batch[cut:]:
            inbox.put_back(batch[cut:])
        batches.append(batch[:cut])
        idle = 0 if batch or waiting else idle + 1

    _check_batches(batches)
    given_out = [number_of(one) for batch in batches for one in batch]
    assert sorted(given_out) == list(range(len(commands)))
    for lane in ("now", "later"):
        for key in "abcd":
            of_key = [
                number_of(one)
                for batch in batches
                for one in batch
                if one.lane == lane and key in one.keys
            ]
            assert of_key == sorted(of_key)


def _check_batches(batches: list[list[Waiting]]) -> None:
    for batch in batches:
        keys = [key for one in batch for key in one.keys]
        assert len(keys) == len(set(keys))
        assert len(batch) == 1 or not any(one.runs_alone for one in batch)


def test_a_put_wakes_the_taker() -> None:
    inbox = an_inbox()
    putter = threading.Timer(0.05, touch, (inbox, 7, "a"))
    putter.start()

    batch = inbox.take(timeout_s=30)

    putter.join()
    assert [number_of(one) for one in batch] == [7]
