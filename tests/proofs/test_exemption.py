"""The counted exemption under a race: never exceeded, all of it usable, given back once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from service.rooms.assessments.tables import DAY_SUMS, EXEMPTION_COUNTERS
from tests.proofs.conftest import restart_without
from tests.support.books import Books
from tests.support.checkout import a_small_payment, create, register
from tests.support.clients import Answer, Client, at_once
from tests.support.servers import Service, Shop

pytestmark = pytest.mark.servers

CLIENTS = 12
# Preset CN: five payments and 500 CNY in a row without proof, 1,000 CNY a day at level 1.
COUNT_MAX = 5
SUM_MAX = 50_000
DAY_MAX = 100_000
# Five of the first stay just under the sum; of the second only their count is limited.
AMOUNTS = (9_999, 1_000)
# Ten payments just under the limit in a day would be structuring, and a rule stops them.
FAR_BELOW = (6_500,)
# A payer who tries oftener than 30 times an hour is declined for that.
TRIES_EACH = 20
Sized = Callable[..., int]


def registered(service: Service, shop: Shop, count: int, *, prefix: str) -> list[tuple[str, str]]:
    """Register payers with their devices; every third shares its device with the one before."""
    pairs = [
        (f"{prefix}{n}", f"{prefix}-device-{n - 1 if n % 3 == 2 else n}") for n in range(count)
    ]
    at_once(
        lambda: service.client(shop),
        lambda client, pair: register(client, pair[0], device=pair[1]),
        pairs,
        clients=CLIENTS,
    )
    return pairs


def race(
    service: Service,
    shop: Shop,
    pairs: list[tuple[str, str]],
    tries: int,
    *,
    amounts: tuple[int, ...] = AMOUNTS,
) -> list[Answer]:
    """Let every payer try so many small payments, all of them at the same time."""

    def small(pair: tuple[str, str]) -> dict[str, Any]:
        payer, device = pair
        value = amounts[pairs.index(pair) % len(amounts)]
        body: dict[str, Any] = a_small_payment("", payer, device=device, value=value)
        # A payee for each amount: ten times what one is usually paid would ask for proof.
        payee = {**body["payee"], "payee_id": f"paid_{value}"}
        return {**body, "payee": payee, "reference": None}

    return at_once(
        lambda: service.client(shop),
        create,
        [small(pair) for _ in range(tries) for pair in pairs],
        clients=CLIENTS,
    )


def race_unfenced(pair: tuple[Service, Service], count: int, *, without: str) -> list[int]:
    """Race at two writers without lock and fence; return what each counter then counted.

    Args:
        pair: The two services.
        count: How many payers there are.
        without: Guards that both writers lack besides.
    """
    restart_without(pair, without)
    one, _ = pair
    shop = one.shop(preset="CN")
    payers = [f"unfenced-{number}" for number in range(count)]
    at_once(lambda: one.client(shop), register, payers, clients=CLIENTS)
    turns = iter(pair * CLIENTS)

    def attempt(client: Client, payer: str) -> bool:
        body = {**a_small_payment("", payer), "reference": None}
        answer = client.post("/v1/payments", body)
        assert answer.status in {201, 500, 503}, answer
        return answer.status == 201 and answer.body["outcome"] == "approve"

    # One payer after the other, so that all clients race for the same counter.
    tries = [payer for payer in payers for _ in range(CLIENTS)]
    approved = at_once(lambda: next(turns).client(shop), attempt, tries, clients=CLIENTS)
    counted = [count for count, _ in counters(Books(one.settings.database), shop)]
    assert max(counted) * count >= sum(approved)
    return counted


def approved_by_device(answers: list[Answer], pairs: list[tuple[str, str]]) -> Counter[str]:
    """Return how many payments were approved on each device."""
    devices = [device for _ in range(len(answers) // len(pairs)) for _, device in pairs]
    return Counter(
        device
        for device, answer in zip(devices, answers, strict=True)
        if answer.body["outcome"] == "approve"
    )


def counters(books: Books, shop: Shop) -> list[tuple[int, int]]:
    rows = books.rows(EXEMPTION_COUNTERS)
    of_shop = [row for row in rows if row["merchant_id"] == shop.merchant_id]
    return [(row["count"], row["amount_minor"]) for row in of_shop]


def day_sums(books: Books, shop: Shop) -> list[int]:
    rows = books.rows(DAY_SUMS)
    return [row["amount_minor"] for row in rows if row["merchant_id"] == shop.merchant_id]


def test_racing_small_payments_never_exceed_their_counters_and_use_them_up(
    service: Service, sized: Sized
) -> None:
    shop = service.shop(preset="CN")
    pairs = registered(service, shop, sized(quick=6, ci=12, full=25), prefix="racer")

    answers = race(service, shop, pairs, TRIES_EACH)

    books = Books(service.settings.database)
    assert all(count <= COUNT_MAX and minor <= SUM_MAX for count, minor in counters(books, shop))
    assert all(minor <= DAY_MAX for minor in day_sums(books, shop))
    # Payers who share a device share its five.
    assert approved_by_device(answers, pairs) == dict.fromkeys({d for _, d in pairs}, COUNT_MAX)
    asked = {a.body["outcome"] for a in answers if a.body["outcome"] != "approve"}
    assert asked == {"challenge"}
    assert {a.body["liability"] for a in answers} == {"provider"}
    books.check()


def test_what_was_counted_is_given_back_by_a_cancel_and_only_once(
    service: Service, sized: Sized
) -> None:
    shop = service.shop(preset="CN")
    pairs = registered(service, shop, sized(quick=3, ci=6, full=24), prefix="returner")
    first = race(service, shop, pairs, COUNT_MAX + 3, amounts=FAR_BELOW)
    approved = [answer for answer in first if answer.body["outcome"] == "approve"]

    def cancel(client: Client, answer: Answer) -> int:
        return client.post(f"/v1/payments/{answer.body['id']}/cancel").status

    statuses = at_once(
        lambda: service.client(shop), cancel, [*approved, *approved], clients=CLIENTS
    )

    assert Counter(statuses) == {200: len(approved), 409: len(approved)}
    books = Books(service.settings.database)
    assert set(counters(books, shop)) == {(0, 0)}
    assert set(day_sums(books, shop)) == {0}
    again = race(service, shop, pairs, COUNT_MAX + 3, amounts=FAR_BELOW)
    assert approved_by_device(again, pairs) == approved_by_device(first, pairs)
    Books(service.settings.database).check()


@pytest.mark.long
def test_two_writers_without_lock_and_fence_never_exceed_a_counter(
    pair: tuple[Service, Service], sized: Sized
) -> None:
    counted = race_unfenced(pair, sized(quick=10, ci=12, full=42), without="")

    assert max(counted) == COUNT_MAX


@pytest.mark.long
def test_without_its_guard_two_writers_do_exceed_a_counter(
    pair: tuple[Service, Service], sized: Sized
) -> None:
    counted = race_unfenced(pair, sized(quick=10, ci=12, full=42), without="count exemption.count")

    assert max(counted) > COUNT_MAX
