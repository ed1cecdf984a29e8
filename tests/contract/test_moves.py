"""Every pair of status and command, from the table of moves: what it lacks changes nothing."""

from typing import Any, Final

import pytest

from service import wsgi
from service.rooms.payments import moves
from service.rooms.payments.contract import ExpirePayment, Status
from tests.contract.house import Holder, House
from tests.contract.places import at, execution

# What a refusal may leave behind: its entry and its stored reply, and the numbers they got.
MAY_GROW: Final = {"entries", "entry_numbers", "idempotency", "writer"}
OF_A_PAYMENT: Final = "/v1/payments/{payment_id}/"
COMMANDS: Final = sorted(
    route.path.removeprefix(OF_A_PAYMENT)
    for route in wsgi.ROUTES
    if route.writes and route.path.startswith(OF_A_PAYMENT) and not route.path.endswith("/events")
)
PAIRS: Final = [(status, command) for status in moves.STATUSES for command in COMMANDS]


def is_allowed(status: Status, command: str) -> bool:
    if command == "token":
        return moves.may_issue_token(status)
    return command in moves.allowed(status)


ALLOWED: Final = [pair for pair in PAIRS if is_allowed(*pair)]
REFUSED: Final = [pair for pair in PAIRS if not is_allowed(*pair)]


def body_of(house: House, key: Holder, command: str, payment: dict[str, Any]) -> dict[str, Any]:
    """Return what a command takes; an execution comes with a token of ours, of another payment."""
    if command != "execute":
        return {}
    other = at(house, key, "approved")
    return payment.get("execution") or other["execution"]


def changed(before: dict[str, set[Any]], after: dict[str, set[Any]]) -> set[str]:
    """Return the tables whose rows differ."""
    return {name for name in after if before.get(name) != after[name]}


def test_the_table_names_every_command_that_has_a_route() -> None:
    of_table = {row.action for row in moves.TABLE if row.way == "command"}

    assert set(COMMANDS) - {"token"} <= of_table
    assert {"execute", "cancel", "token"} <= set(COMMANDS)


@pytest.mark.parametrize(("status", "command"), ALLOWED)
def test_a_command_that_the_table_has_is_done(
    house: House, ada: Holder, status: Status, command: str
) -> None:
    payment = at(house, ada, status)
    body = body_of(house, ada, command, payment)

    answer = house.send("POST", f"/v1/payments/{payment['id']}/{command}", key=ada, body=body)

    assert answer.status == 200, answer
    targets = [to for row in moves.TABLE if row.action == command for to in row.targets]
    assert answer.json["status"] in (targets or [status])


@pytest.mark.long
@pytest.mark.parametrize(("status", "command"), REFUSED)
def test_a_command_that_the_table_lacks_changes_nothing(
    house: House, ada: Holder, status: Status, command: str
) -> None:
    payment = at(house, ada, status)
    body = body_of(house, ada, command, payment)
    before = house.rows()

    answer = house.send("POST", f"/v1/payments/{payment['id']}/{command}", key=ada, body=body)

    after = house.rows()
    assert (answer.status, answer.code) == (409, "payment_not_in_state")
    assert answer.json["allowed"] == list(moves.allowed(status))
    assert changed(before, after) == MAY_GROW
    assert before["entries"] < after["entries"]
    assert len(after["entries"] - before["entries"]) == 1
    assert house.entries(payment["id"])[-1] == "payment.sequence_failed"
    again = house.send("POST", f"/v1/payments/{payment['id']}/{command}", key=ada, body=body)
    assert (again.status, again.code) == (409, "payment_not_in_state")


@pytest.mark.parametrize("status", moves.STATUSES)
def test_a_timer_that_is_not_due_changes_nothing(house: House, ada: Holder, status: Status) -> None:
    payment = at(house, ada, status)
    version = house.get(f"/v1/payments/{payment['id']}", ada)["version"]
    before = house.rows()

    for told in (version, version - 1, version + 1):
        house.do(ExpirePayment(payment_id=payment["id"], version=told), house.call_of(ada))

    assert changed(before, house.rows()) <= MAY_GROW
    assert house.entries(payment["id"])[-3:] == ["payment.timer_stale"] * 3


@pytest.mark.parametrize(
    ("status", "kind"), [("challenge_required", "challenge"), ("held", "hold")]
)
def test_what_ended_with_its_payment_ends_no_second_time(
    house: House, ada: Holder, status: Status, kind: str
) -> None:
    payment = at(house, ada, status)
    path = f"/v1/{kind}s/{payment[kind]['id']}/cancel"
    house.post(path, ada)
    before = house.rows()

    answer = house.send("POST", path, key=ada, body={})

    assert (answer.status, answer.code) == (409, f"{kind}_closed")
    assert changed(before, house.rows()) == MAY_GROW
    cancelled = house.get(f"/v1/payments/{payment['id']}", ada)
    assert cancelled["status"] == "cancelled"


def test_an_old_token_executes_no_payment_that_got_a_new_one(house: House, ada: Holder) -> None:
    request = house.body()
    payment = house.post("/v1/payments", ada, request, status=201)
    house.post(f"/v1/payments/{payment['id']}/token", ada)
    before = house.rows()

    answer = house.send(
        "POST",
        f"/v1/payments/{payment['id']}/execute",
        key=ada,
        body=execution(payment, request),
    )

    assert (answer.status, answer.code) == (409, "payment_token_voided")
    assert changed(before, house.rows()) == MAY_GROW
