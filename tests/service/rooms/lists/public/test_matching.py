"""Every judgement names the last change of the merchant's lists, so that the log says which stood.

Which entries match is in test_public.py.
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from service.db.places import Place
from service.kernel.facts import DeviceKept, PayerKept
from service.rooms.assessments.contract import ActionFacts, AssessAction
from service.rooms.assessments.tables import ASSESSMENTS
from service.rooms.lists.contract import AddListEntry, RemoveListEntry
from service.rooms.lists.tables import ENTRIES
from tests.support.desk import DAY, Desk, signing
from tests.support.ruled import listing, raising, ruled
from tests.support.uow import START


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    """A desk under a rule that adds to a list."""
    made = signing(Desk(place, strategy=ruled(listing('default(device_id, "") == "d_1"'))))
    yield made
    made.house.close()


def addition(value: str) -> AddListEntry:
    return AddListEntry(
        kind="watch",
        entity="payee",
        value=value,
        reason="asked about",
        owner="risk team",
        strength=None,
        prefix=None,
        expires_at=None,
    )


def changes(desk: Desk) -> list[dict[str, Any]]:
    """Return the entries of the log by which lists changed."""
    found = [one for one in desk.house.entries() if one["kind"].startswith("list_entry.")]
    return [one for one in found if one["outcome"] == "success"]


def named(desk: Desk) -> str | None:
    """Return which change the newest judgement names, alike in its entry and in its receipt."""
    kinds = {"payment.assessed", "assessment.made"}
    entry = [one for one in desk.house.entries() if one["kind"] in kinds][-1]
    [kept] = [
        one for one in desk.house.rows(ASSESSMENTS) if one["assessment_id"] == entry["subject"]
    ]
    said: str | None = entry["fields"]["lists"]
    assert json.loads(kept["inputs"])["circumstances"]["lists_version"] == said
    return said


def test_each_kind_of_judgement_names_the_last_change(desk: Desk) -> None:
    payment = desk.create()
    assert named(desk) is None

    added = desk.accept(addition("p_1"))
    desk.execute(payment.token)
    assert named(desk) == changes(desk)[-1]["fields"]["lists"]

    desk.accept(RemoveListEntry(entry_id=added.id))
    payer = PayerKept(payer_key="c_17", payer_id="c_17")
    facts = ActionFacts(event="login", payer=payer, occurred_at=desk.house.clock.now())
    desk.accept(AssessAction(facts=facts))
    assert named(desk) == changes(desk)[-1]["fields"]["lists"]
    assert [one["kind"] for one in changes(desk)] == ["list_entry.added", "list_entry.removed"]


def test_what_a_rule_adds_is_named_from_the_next_judgement_on(desk: Desk) -> None:
    device = DeviceKept(device_id="d_1")

    desk.create(device=device)
    assert named(desk) is None
    desk.create(device=device)

    assert [named(desk)] == [one["fields"]["lists"] for one in changes(desk)]


def test_of_two_changes_in_one_batch_the_later_one_of_the_log_is_named(desk: Desk) -> None:
    desk.house.run_batch([(addition(value), desk.call) for value in ("p_1", "p_2")])
    desk.create()

    assert named(desk) == changes(desk)[-1]["fields"]["lists"]


def test_the_log_up_to_the_change_that_is_named_gives_the_entries_that_stood(desk: Desk) -> None:
    first = desk.accept(addition("p_1"))
    desk.accept(addition("p_2"))
    desk.accept(RemoveListEntry(entry_id=first.id))
    stood = {row["entry_id"] for row in desk.house.rows(ENTRIES)}
    desk.create()
    desk.accept(addition("p_3"))

    found: set[str] = set()
    for one in changes(desk):
        is_added = one["kind"] == "list_entry.added"
        found = found | {one["subject"]} if is_added else found - {one["subject"]}
        if one["fields"]["lists"] == named(desk):
            break

    assert found == stood


def test_lists_of_others_and_of_the_other_mode_are_not_named(desk: Desk) -> None:
    own = desk.call
    for other in (desk.another(tenant_id=own.tenant_id), desk.another(mode="sandbox")):
        desk.call = other
        desk.accept(addition("p_1"))
    desk.call = own
    desk.create()

    assert named(desk) is None


def test_a_rule_that_asks_for_it_is_suppressed_for_one_payer_until_the_entry_is_over(
    place: Place,
) -> None:
    rule = raising('payee_is_new and not on_list("allow", "payer")', "decline", code="one_rule")
    desk = Desk(place, strategy=ruled(rule))
    entry = msgspec.structs.replace(
        addition("c_17"), kind="allow", entity="payer", expires_at=START + DAY
    )

    before = desk.create()
    desk.accept(entry)
    during, another = desk.create(), desk.create(payer=PayerKept(payer_key="c_1", payer_id="c_1"))
    desk.house.clock.advance(DAY)
    after = desk.create()

    said = [one.payment.reason_code for one in (before, another, after)]
    assert said == ["one_rule"] * 3
    assert during.payment.status == "approved"
    desk.house.close()
