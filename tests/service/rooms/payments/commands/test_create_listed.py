"""A payment that matches entries of lists: what they do to it, and for how long."""

import datetime as dt

import pytest

from service.rooms.lists.contract import AddListEntry
from service.unit_of_work.commands import Call
from tests.support.desk import Desk
from tests.support.uow import START

HOUR = dt.timedelta(hours=1)


def listed(desk: Desk, kind: str, call: Call | None = None, **given: object) -> None:
    """Put the payee of the desk's payments on a list of its merchant, or of another caller."""
    entry = {
        "kind": kind,
        "entity": "payee",
        "value": "p_77",
        "reason": "seen before",
        "owner": "risk team",
        "strength": "overridable" if kind == "block" else None,
        "prefix": None,
        "expires_at": None,
    }
    reply = desk.house.run(AddListEntry(**(entry | given)), call or desk.call)  # type: ignore[arg-type]  # by name
    assert reply.problem is None


@pytest.mark.parametrize("strength", ["absolute", "overridable", "override"])
def test_a_blocked_payee_is_declined_without_a_token(desk: Desk, strength: str) -> None:
    listed(desk, "block", strength=strength)

    reply = desk.create()

    assert (reply.payment.status, reply.payment.reason_code) == ("declined", "on_block_list")
    assert (reply.token, desk.tokens()) == (None, [])


@pytest.mark.parametrize(
    ("strength", "status"),
    [("absolute", "declined"), ("override", "declined"), ("overridable", "approved")],
)
def test_an_allow_entry_lets_pass_what_may_be_overridden(
    desk: Desk, strength: str, status: str
) -> None:
    listed(desk, "block", strength=strength)
    listed(desk, "allow")

    assert desk.create().payment.status == status


def test_a_block_ends_when_it_says_so_and_touches_no_other_payee(desk: Desk) -> None:
    listed(desk, "block", expires_at=START + HOUR)
    listed(desk, "block", value="p_78")
    blocked = desk.create()
    desk.house.clock.advance(HOUR)

    assert blocked.payment.status == "declined"
    assert desk.create().payment.status == "approved"


def test_another_merchant_s_list_blocks_nothing(desk: Desk) -> None:
    other = desk.another(tenant_id=desk.call.tenant_id)
    listed(desk, "block", call=other)

    assert desk.create().payment.status == "approved"
