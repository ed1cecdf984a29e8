"""One idempotency key is one effect, for whoever sends it however often."""

import datetime as dt
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.books import Books
from tests.support.checkout import a_payment, create, execute
from tests.support.clients import Answer, Client, a_key, at_once
from tests.support.servers import Service

pytestmark = pytest.mark.servers

Sized = Callable[..., int]


def test_many_clients_with_one_key_make_one_payment(service: Service, sized: Sized) -> None:
    shop, once = service.shop(), a_key()
    body = a_payment("one")
    clients = sized(quick=50, ci=50, full=50)

    def send(client: Client, _number: int) -> Answer:
        return client.post("/v1/payments", body, once=once)

    answers = at_once(lambda: service.client(shop), send, range(clients), clients=clients)

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert Counter(answer.is_replayed for answer in answers) == {True: clients - 1, False: 1}
    # The same claims, signed again: another signature, the same token.
    claims = {answer.body["payment_token"].rpartition(".")[0] for answer in answers}
    assert len(claims) == 1
    books = Books(service.settings.database)
    assert [row["reference"] for row in books.payments].count("one") == 1
    books.check()


def test_racing_executions_under_one_key_answer_the_same_go(service: Service) -> None:
    shop, once = service.shop(), a_key()
    body = a_payment("executed-once")
    with service.client(shop) as client:
        created = create(client, body)

    answers = at_once(
        lambda: service.client(shop),
        lambda racer, _: execute(racer, created, body, once=once),
        range(16),
        clients=16,
    )

    assert {(answer.status, answer.body["decision"]) for answer in answers} == {(200, "go")}
    assert sum(not answer.is_replayed for answer in answers) == 1
    Books(service.settings.database).check()


def test_a_key_with_another_body_is_refused_and_pays_nothing(service: Service) -> None:
    shop, once = service.shop(), a_key()
    with service.client(shop) as client:
        first = client.post("/v1/payments", a_payment("body-1"), once=once)

        other = client.post("/v1/payments", a_payment("body-2"), once=once)

        assert (first.status, other.status) == (201, 422)
        assert other.body["code"] == "idempotency_key_reused"
        listed = client.get("/v1/payments").body["payments"]
        assert [one["reference"] for one in listed] == ["body-1"]


def test_another_merchant_and_another_mode_are_independent(service: Service) -> None:
    once, body = a_key(), a_payment("same")
    one, other = service.shop(modes=("live", "sandbox")), service.shop()

    answers = []
    for shop, mode in ((one, "live"), (one, "sandbox"), (other, "live")):
        with service.client(shop, mode) as client:
            answers.append(client.post("/v1/payments", body, once=once))

    assert [(answer.status, answer.is_replayed) for answer in answers] == [(201, False)] * 3
    assert len({answer.body["id"] for answer in answers}) == 3


def test_a_replay_after_the_token_was_spent_says_so(service: Service) -> None:
    shop, once = service.shop(), a_key()
    body = a_payment("replayed")
    with service.client(shop) as client:
        created = create(client, body, once=once)
        assert execute(client, created, body).body["decision"] == "go"

        replay = client.post("/v1/payments", body, once=once)

    assert replay.status == 201
    assert replay.is_replayed
    assert replay.body["payment_token"] is None
    assert replay.body["payment_token_state"] == "spent"
    said_once = {**created.body, "payment_token": None, "payment_token_state": "spent"}
    assert replay.body == said_once


def test_a_replay_while_the_token_is_active_gives_the_same_token(service: Service) -> None:
    shop, once = service.shop(), a_key()
    body = a_payment("again")
    with service.client(shop) as client:
        created = create(client, body, once=once)

        replay = client.post("/v1/payments", body, once=once)

        assert replay.body["payment_token_state"] == "active"
        assert execute(client, replay, body).body["decision"] == "go"
    assert replay.body["id"] == created.body["id"]


def test_a_replay_after_a_cancel_says_that_the_token_is_void(service: Service) -> None:
    shop, once = service.shop(), a_key()
    body = a_payment("void")
    with service.client(shop) as client:
        created = create(client, body, once=once)
        client.post(f"/v1/payments/{created.body['id']}/cancel")

        replay = client.post("/v1/payments", body, once=once)

    assert replay.body["payment_token"] is None
    assert replay.body["payment_token_state"] == "voided"


def test_many_clients_with_one_key_have_one_action_judged(service: Service, sized: Sized) -> None:
    shop, once = service.shop(), a_key()
    body = {
        "event": "payout",
        "occurred_at": dt.datetime.now(dt.UTC).isoformat(),
        "payer": {"payer_id": "s_204"},
        "payee": {"payee_id": "s_204"},
        "amount": {"value": 38_000, "currency": "CNY"},
    }
    clients = sized(quick=50, ci=50, full=50)

    def send(client: Client, _number: int) -> Answer:
        return client.post("/v1/assessments", body, once=once)

    answers = at_once(lambda: service.client(shop), send, range(clients), clients=clients)

    assert {answer.status for answer in answers} == {201}
    assert len({answer.body["id"] for answer in answers}) == 1
    assert Counter(answer.is_replayed for answer in answers) == {True: clients - 1, False: 1}
    with service.client(shop) as client:
        assert len(client.get("/v1/assessments").body["assessments"]) == 1
    Books(service.settings.database).check()
