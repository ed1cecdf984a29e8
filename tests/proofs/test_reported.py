"""From a label to the next payment: what was reported as fraud is raised, listed, and refused."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from risk.strategy import load_strategy
from service.db.places import Database
from tests.support.books import Books
from tests.support.checkout import a_payment, create, execute
from tests.support.clients import Client
from tests.support.servers import SCOPES, Service

pytestmark = [pytest.mark.servers]

GIVEN = (*SCOPES, "labels:write", "lists:read")
CARD = {"instrument_id": "ins_reported", "type": "card"}
LISTED_FOR = dt.timedelta(hours=720)


def report(client: Client, payment_id: str) -> None:
    """Say that somebody else made a payment, as an issuer's early warning does."""
    body = {
        "payment_id": payment_id,
        "intent": "unauthorized",
        "source": "issuer",
        "external_id": f"warning-{payment_id}",
    }
    assert client.post("/v1/labels", body).status == 201


def told(answer: Any) -> tuple[str, list[str]]:
    """Return what became of a payment, and why."""
    return answer.body["status"], [one["code"] for one in answer.body["assessment"]["reasons"]]


@pytest.mark.long
def test_what_a_fraud_was_paid_with_is_raised_at_once_and_refused_from_then_on(
    tmp_path: Path, fresh_database: Database | None
) -> None:
    with Service(tmp_path / "data", database=fresh_database) as service:
        shop = service.shop(scopes=GIVEN)
        with service.client(shop) as client:
            body = a_payment("n-1", instrument=CARD)
            first = create(client, body)
            assert execute(client, first, body).body["decision"] == "go"
            before = create(client, a_payment("n-2", instrument=CARD))
            report(client, first.body["id"])

            raised = create(client, a_payment("n-3", instrument=CARD))
            [entry] = client.get("/v1/lists/entries").body["entries"]
            refused = create(client, a_payment("n-4", instrument=CARD))
            by_device = create(client, a_payment("n-5", device=body["device"]))
            another = create(client, a_payment("n-6", instrument={"instrument_id": "ins_other"}))
        books = Books(service.settings.database)

    assert [one.body["status"] for one in (first, before, another)] == ["approved"] * 3
    # The shop's preset asks for no proof, so that what would be asked for it waits.
    assert told(raised) == ("held", ["reported_instrument_used"])
    assert told(refused)[0] == "declined"
    assert told(refused)[1][0] == "on_block_list"
    assert told(by_device) == ("held", ["reported_device"])
    shown = {name: entry[name] for name in ("kind", "strength", "entity", "value")}
    assert shown == {
        "kind": "block",
        "strength": "overridable",
        "entity": "instrument",
        "value": CARD["instrument_id"],
    }
    assert (entry["owner"], entry["added_by"]) == ("reported_instrument", load_strategy().id)
    created_at, expires_at = (
        dt.datetime.fromisoformat(entry[name]) for name in ("created_at", "expires_at")
    )
    assert expires_at - created_at == LISTED_FOR
    assert [one["kind"] for one in books.entries].count("list_entry.added") == 1
    books.check()
