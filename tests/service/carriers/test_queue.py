"""Every carrier keeps the promises of `Submit`, with the same answers."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from service.db.stores import open_store
from service.kernel.clock import SystemClock
from service.kernel.errors import Faulted, Overloaded, ResultUnknown
from service.unit_of_work.commands import Reply, Submit
from tests.service.carriers.conftest import CARRIERS, Running
from tests.support.jars import EXHAUSTED, JARS, Drop, Held
from tests.support.unfenced_writer import LOCKED_ROW
from tests.support.writer import a_call

Soon = Callable[[], int]


def test_an_accepted_command_s_reply_comes_back(submit: Submit, soon: Soon) -> None:
    reply = submit(Drop(jar="a", coins=3), call=a_call(), deadline_ns=soon())

    assert (reply.kind, reply.read(Held).coins, len(reply.receipts)) == ("accepted", 3, 1)


def test_a_refusal_comes_back_with_its_fields(submit: Submit, soon: Soon) -> None:
    reply = submit(Drop(jar="a", coins=3, refuses=True), call=a_call(), deadline_ns=soon())

    assert (reply.kind, reply.problem, reply.fields) == ("refused", EXHAUSTED, {"jar": "full"})


def test_a_fault_is_raised_with_its_id(submit: Submit, soon: Soon) -> None:
    with pytest.raises(Faulted) as fault:
        submit(Drop(jar="a", coins=2_000), call=a_call(), deadline_ns=soon())

    assert fault.value.fault_id.startswith("cmd_")


def test_a_replay_says_so(submit: Submit, soon: Soon) -> None:
    first, second = (
        submit(Drop(jar="a", coins=3), call=a_call(key="k"), deadline_ns=soon()) for _ in range(2)
    )

    assert (first.replayed, second.replayed) == (False, True)
    assert first.body == second.body


def test_the_later_lane_is_served_as_well(submit: Submit, soon: Soon) -> None:
    reply = submit(Drop(jar="a", coins=3), call=a_call(), deadline_ns=soon(), lane="later")

    assert reply.kind == "accepted"


def test_a_deadline_that_has_passed_is_an_unknown_result_or_a_no(submit: Submit) -> None:
    with pytest.raises((ResultUnknown, Overloaded)):
        submit(Drop(jar="a", coins=3), call=a_call(), deadline_ns=0)


@pytest.mark.parametrize(
    "bad",
    [Drop(jar="\ud800", coins=1), Drop(jar="a", coins=2**64), Drop(jar="a" * 1_100_000, coins=1)],
    ids=["surrogate", "huge", "long"],
)
def test_what_cannot_be_carried_is_refused_before_the_writer_has_it(
    submit: Submit, soon: Soon, running: Running, bad: Drop
) -> None:
    with pytest.raises((ValueError, OverflowError)):
        submit(bad, call=a_call(), deadline_ns=soon())

    assert submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon()).kind == "accepted"
    assert len(running.bench.rows(JARS)) == 1


def test_a_command_of_another_shape_never_runs(
    submit: Submit, soon: Soon, running: Running
) -> None:
    wrong = Drop(jar=4, coins="many")  # type: ignore[arg-type]  # wrong on purpose

    with pytest.raises((msgspec.ValidationError, Overloaded)):
        submit(wrong, call=a_call(), deadline_ns=soon())

    assert running.bench.rows(JARS) == []


def test_a_writer_that_stops_takes_nothing_more(
    submit: Submit, soon: Soon, running: Running
) -> None:
    running.stop()

    with pytest.raises(Overloaded):
        submit(Drop(jar="a", coins=3), call=a_call(), deadline_ns=soon())


@pytest.mark.long
@pytest.mark.parametrize("kind", CARRIERS)
def test_many_threads_get_their_own_replies(
    running: Running, soon: Soon, sized: Callable[..., int], kind: str
) -> None:
    submit = running.submit(kind)
    each = sized(quick=40, ci=200, full=200)

    def one_client(client: int) -> list[Reply]:
        return [
            submit(Drop(jar=f"{client}", coins=1), call=a_call(), deadline_ns=soon())
            for _ in range(each)
        ]

    with ThreadPoolExecutor(50) as pool:
        replies = list(pool.map(one_client, range(50)))

    for mine in replies:
        assert [reply.read(Held).coins for reply in mine] == list(range(1, each + 1))
    places = [receipt.index for mine in replies for reply in mine for receipt in reply.receipts]
    assert sorted(places) == list(range(50 * each))
    # Batches form by themselves: far fewer commits than commands.
    assert len(running.bench.observer.sizes) < 50 * each / 2


def test_a_submit_ends_with_its_deadline(running: Running) -> None:
    clock = SystemClock()
    transaction = open_store(running.bench.place)
    held = transaction.begin()
    held.fetch(LOCKED_ROW(shard=0))
    start = clock.monotonic_ns()

    with pytest.raises((ResultUnknown, Overloaded)):
        running.submit("socket")(
            Drop(jar="a", coins=1), call=a_call(), deadline_ns=start + 300_000_000
        )

    assert clock.monotonic_ns() - start < 1_500_000_000
    held.rollback()
    transaction.close()
