"""A payment token is spent once: by one writer, by two without lock and fence, by its statement."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from tests.proofs.conftest import restart_without
from tests.support.books import Books
from tests.support.checkout import a_payment, an_execution, create
from tests.support.clients import Client, NoAnswer, at_once
from tests.support.servers import Service

pytestmark = pytest.mark.servers

RACERS = 8
SPEND_GUARD = "spend payment token.state"
VERSION_GUARD = "save payment.version"
Sized = Callable[..., int]


class Try(NamedTuple):
    """One racer's attempt to execute one payment."""

    payment_id: str
    body: dict[str, Any]


def tries(service: Service, shop: Any, count: int) -> list[Try]:
    """Create approved payments; return for each as many attempts as there are racers."""

    def approve(client: Client, reference: str) -> Try:
        body = a_payment(reference)
        answer = create(client, body)
        execution = an_execution(body, answer.body["payment_token"])
        return Try(answer.body["id"], execution)

    references = [f"once-{number}" for number in range(count)]
    approved = at_once(lambda: service.client(shop), approve, references, clients=RACERS)
    return [one for one in approved for _ in range(RACERS)]


def race(open_client: Callable[[], Client], attempts: Sequence[Try]) -> Counter[str]:
    """Let racers execute, each under a key of its own; return how often each payment went."""

    def attempt(client: Client, one: Try) -> str | None:
        try:
            answer = client.post(f"/v1/payments/{one.payment_id}/execute", one.body)
        except NoAnswer:
            return None
        assert answer.status in {200, 409, 500, 503}, answer
        return one.payment_id if answer.status == 200 else None

    won = at_once(open_client, attempt, attempts, clients=RACERS)
    return Counter(one for one in won if one is not None)


def executions(books: Books) -> Counter[str]:
    """Return how often the log says that each payment was executed."""
    return Counter(e["payment"] for e in books.entries if e["kind"] == "payment.executed")


def test_each_token_is_spent_exactly_once_by_racers_at_two_front_ends(
    service: Service, sized: Sized
) -> None:
    count = sized(quick=40, ci=60, full=400)
    shop = service.shop()
    attempts = tries(service, shop, count)

    went = race(lambda: service.client(shop), attempts)

    assert went == Counter({one.payment_id for one in attempts})
    books = Books(service.settings.database)
    assert {key: executions(books)[key] for key in went} == went
    books.check()


def race_unfenced(
    pair: tuple[Service, Service], count: int, *, without: str
) -> tuple[Counter[str], Counter[str], Books]:
    """Race with half of the racers at each writer.

    Args:
        pair: The two services.
        count: How many tokens.
        without: Guards that both writers lack besides.

    Returns:
        How often each payment went by the answers, how often by the log, and everything stored.
    """
    restart_without(pair, without)
    one, _ = pair
    shop = one.shop()
    attempts = tries(one, shop, count)
    turns = iter(pair * RACERS)
    won = race(lambda: next(turns).client(shop), attempts)
    books = Books(one.settings.database)
    raced = {attempt.payment_id for attempt in attempts}
    logged = Counter({key: n for key, n in executions(books).items() if key in raced})
    return won, logged, books


@pytest.mark.long
@pytest.mark.parametrize("without", ["", VERSION_GUARD, SPEND_GUARD])
def test_two_writers_without_lock_and_fence_spend_no_token_twice(
    pair: tuple[Service, Service], sized: Sized, without: str
) -> None:
    count = sized(quick=25, ci=40, full=400)

    won, logged, books = race_unfenced(pair, count, without=without)

    assert set(won.values()) == {1}
    assert set(logged.values()) == {1}
    books.check_entries()


@pytest.mark.long
def test_without_their_guards_two_writers_do_spend_tokens_twice(
    pair: tuple[Service, Service], sized: Sized
) -> None:
    count = sized(quick=25, ci=40, full=400)

    won, logged, _ = race_unfenced(pair, count, without=f"{SPEND_GUARD},{VERSION_GUARD}")

    assert max(won.values()) > 1
    assert max(logged.values()) > 1
