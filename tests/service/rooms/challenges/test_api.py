"""Routes of challenges and holds: what stands, cancelled once, and nobody else's."""

from typing import Any

import pytest

from service.kernel.facts import Payee
from service.rooms.payments.contract import CancelPayment
from tests.support.desk import Desk, a_front
from tests.support.front import Front


@pytest.fixture
def front(sandbox: Desk) -> Front:
    return a_front(sandbox)


def path_of(sandbox: Desk, word: str) -> tuple[str, str]:
    """Return the path of a new challenge or hold, and its payment's id."""
    reply = sandbox.create(payee=Payee(payee_id=f"test:{word}"))
    thing: Any = reply.challenge or reply.hold
    return f"/v1/{word}s/{thing.id}", reply.payment.id


@pytest.mark.parametrize(("word", "state"), [("challenge", "open"), ("hold", "active")])
def test_one_is_shown_as_it_stands(sandbox: Desk, front: Front, word: str, state: str) -> None:
    path, payment_id = path_of(sandbox, word)

    shown = front.get(path).get_json()

    assert (shown["state"], shown["subject"]) == (state, {"kind": "payment", "id": payment_id})
    sandbox.accept(CancelPayment(payment_id=payment_id))
    assert front.get(path).get_json()["state"] == "cancelled"


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_one_is_cancelled_once_and_a_replay_says_so(sandbox: Desk, front: Front, word: str) -> None:
    path, payment_id = path_of(sandbox, word)

    first, again = (
        front.post(f"{path}/cancel", {}, idempotency="the-same-key-00001") for _ in range(2)
    )
    other = front.post(f"{path}/cancel", {})

    assert first.get_json() == again.get_json() == {"id": path.split("/")[-1], "state": "cancelled"}
    assert (other.status_code, other.get_json()["code"]) == (409, f"{word}_closed")
    assert sandbox.payment(payment_id).status == "cancelled"


@pytest.mark.parametrize("word", ["challenge", "hold"])
@pytest.mark.parametrize("given", [{"merchant_id": "mer_2"}, {"mode": "live"}], ids=str)
def test_anothers_is_the_404_of_one_that_is_not_there(
    sandbox: Desk, word: str, given: dict[str, str]
) -> None:
    path, payment_id = path_of(sandbox, word)
    stranger = a_front(sandbox, **given)
    nowhere = f"/v1/{word}s/{word}_nowhere"

    answers = [
        (one.status_code, one.get_json()["code"])
        for place in (path, nowhere)
        for one in (stranger.get(place), stranger.post(f"{place}/cancel", {}))
    ]

    assert set(answers) == {(404, f"{word}_not_found")}
    assert sandbox.payment(payment_id).status in {"challenge_required", "held"}
