"""The store that the first payment's version wrote: upgraded, it is what it was, and works on."""

import logging
import sys
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from keys import entropy
from risk.entity_state import EntityState
from risk.feature import WINDOWS
from service.db import migrate
from service.db.stores import open_reader, open_store
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.rooms.custody.queries import Signer
from service.rooms.payments.contract import AUDIENCE_PATH
from service.secrets import Secrets, open_secrets
from service.state.cache import entity_row
from service.state.codec import WindowStates
from service.state.entities import ENTITIES, EntityKey, unpack
from service.tables import load_tables
from service.unit_of_work.tables import ENTRIES, FAULTS, WRITER
from service.writer.main import open_writer
from tests.golden.conftest import HERE, Golden
from tests.support.books import Books
from tests.support.checkout import a_payment, create, execute
from tests.support.clients import Client
from tests.support.places import owning
from tests.support.servers import Service
from tests.support.signed import write_log

FAULTED = 500
BYTES_MAX = 300_000
# A token's state is told as it is by then; so is whose turn it is to ask.
PASSING = {"payment_token", "payment_token_state"}
# Came later; and texts may be worded anew, since programs read their codes.
OTHERWISE = {
    *("basis", "contributions_missing", "contributions_to", "counterfactuals", "for_payer"),
    "text",
}


@pytest.fixture(scope="module")
def books(upgraded: Golden) -> Books:
    return Books(upgraded.database)


def secrets(golden: Golden) -> Secrets:
    return open_secrets(golden.settings.root_file, entropy.system, is_used=True)


def lasting(body: dict[str, Any]) -> dict[str, Any]:
    """Return what an answer said then and has to say for ever."""
    return {name: _without_new(value) for name, value in body.items() if name not in PASSING}


def _without_new(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_new(one) for name, one in value.items() if name not in OTHERWISE}
    return [_without_new(one) for one in value] if isinstance(value, list) else value


def test_it_is_at_the_newest_revision_and_lacks_nothing(upgraded: Golden) -> None:
    load_tables()

    assert migrate.current(upgraded.database) == migrate.head()
    assert migrate.differences(upgraded.database) == []


def test_it_keeps_every_row(upgraded: Golden) -> None:
    counts = {
        name: sa.select(sa.func.count()).select_from(sa.table(name))
        for name in upgraded.facts["rows"]
    }

    with owning(upgraded.database) as connection:
        rows = {name: connection.scalar(count) for name, count in counts.items()}

    assert rows == upgraded.facts["rows"]


def test_every_payment_is_the_fold_of_its_events_and_the_log_has_no_gap(books: Books) -> None:
    books.check()


def test_every_payment_has_the_status_it_had(upgraded: Golden, books: Books) -> None:
    shown = {name: one["shown"]["status"] for name, one in upgraded.facts["payments"].items()}

    assert {row["payment_id"]: row["status"] for row in books.payments} == shown


def test_every_entry_has_the_leaf_it_had(upgraded: Golden, books: Books) -> None:
    leaves = sorted([row["log"], row["position"], row["leaf"].hex()] for row in books.rows(ENTRIES))

    assert leaves == upgraded.facts["entries"]


def test_every_decision_made_again_is_the_one_that_was_made(upgraded: Golden, books: Books) -> None:
    made_again = books.check_decisions(secrets(upgraded).sealer)

    assert made_again == upgraded.facts["rows"]["assessments"]


def test_the_writers_row_says_of_which_features_its_states_are(books: Books) -> None:
    [writer] = books.rows(WRITER)

    states = {(row["feature_set"], row["schema"]) for row in books.rows(ENTITIES)}

    assert states == {(writer["feature_set"], writer["schema"])}


def test_a_writer_builds_from_the_log_what_the_released_feature_state_counted(
    golden: Golden,
) -> None:
    """Its rows are of an older shape: forgotten, and made anew from events of the first form."""
    golden.terminal("upgrade")
    log = logger(stream=sys.stderr.buffer, clock=SystemClock(), level=logging.ERROR)
    kept = {EntityKey(*one[:4]): bytes.fromhex(one[4]) for one in golden.facts["feature_states"]}
    events = Books(golden.database).events
    newest = max(one.at for row in events for one in unpack(row["observations"]))
    with closing(open_store(golden.database)) as store:
        writer = open_writer(golden.settings, store, registry=CollectorRegistry(), log=log)
        cache = writer.cache
        assert writer.rebuilt_events == len(events)
        for key in kept:
            [rows] = store.fetch([entity_row(key)])
            if cache.missing([key]):
                cache.load(key, rows)

        for key, packed in kept.items():
            released, found = EntityState.unpack(packed), cache.get(key)
            assert isinstance(found, EntityState)
            for window_s in WINDOWS.values():
                assert found.count(newest, window_s) == released.count(newest, window_s)
                for currency in ("CNY", "USD"):
                    had = released.sum(newest, window_s, currency)
                    assert found.sum(newest, window_s, currency) in {had, None}
    left = Books(golden.database).rows(ENTITIES)
    assert {row["feature_set"] for row in left} <= {WindowStates.feature_set}


def test_every_token_that_was_signed_still_verifies(upgraded: Golden) -> None:
    signer = Signer(open_reader(upgraded.database), secrets(upgraded).sealer, SystemClock())
    texts = [
        one["answer"]["payment_token"]
        for one in upgraded.facts["asked"]
        if one["answer"].get("payment_token")
    ]
    issuer = upgraded.settings.issuer

    claims = [
        signer.verify(text, issuer=issuer, audience=f"{issuer}{AUDIENCE_PATH}") for text in texts
    ]

    assert {one.txn for one in claims} < upgraded.facts["payments"].keys()


def test_the_command_that_met_a_fault_can_be_rerun(upgraded: Golden, books: Books) -> None:
    [fault] = books.rows(FAULTS)

    result = upgraded.terminal("command", "rerun", fault["fault_id"], "--dry")

    assert result.exit_code == 0, result.output


@pytest.mark.servers
def test_every_request_sent_again_is_answered_from_what_was_stored(
    served: tuple[Service, Golden],
) -> None:
    service, golden = served
    keys = golden.facts["keys"]
    asked = [one for one in golden.facts["asked"] if one["status"] != FAULTED]
    answers = []
    for one in asked:
        with Client(service.port, keys[one["key"]]["text"]) as client:
            answers.append(client.post(one["path"], one["body"], once=one["once"]))

    assert [one for one in answers if not one.is_replayed] == []
    assert [one.status for one in answers] == [one["status"] for one in asked]
    for was, answer in zip(asked, answers, strict=True):
        if answer.status < 400:
            assert lasting(answer.body) == lasting(was["answer"]), was["path"]
        else:
            assert answer.body["code"] == was["answer"]["code"]


@pytest.mark.servers
def test_every_payment_is_shown_as_it_was(served: tuple[Service, Golden]) -> None:
    service, golden = served
    keys = golden.facts["keys"]
    for payment_id, was in golden.facts["payments"].items():
        with Client(service.port, keys[was["key"]]["text"]) as client:
            shown = client.get(f"/v1/payments/{payment_id}").body

        assert lasting(shown) == lasting(was["shown"])


@pytest.mark.servers
def test_a_new_payment_goes_its_way(served: tuple[Service, Golden]) -> None:
    service, golden = served
    with Client(service.port, golden.facts["keys"]["ada_live"]["text"]) as client:
        body = a_payment("after-the-upgrade")
        made = create(client, body)

        done = execute(client, made, body)

    assert (done.status, done.body["status"]) == (200, "executing")
    assert int(done.headers["payguard-batch"]) > golden.facts["writer"]["sequence"]


def test_its_log_is_signed_and_verifies(golden: Golden) -> None:
    assert golden.terminal("upgrade").exit_code == 0
    entries = len(Books(golden.database).rows(ENTRIES))
    write_log(golden.settings, rounds=1, merchants=1)

    found = golden.terminal.json("audit", "verify")

    # What was written before there was a tree, and what was since.
    assert found["verified"]
    assert (found["unsigned"], found["size"] > entries) == (1, True)


def test_the_golden_store_is_small() -> None:
    files = list(HERE.glob("first_payment.*"))

    assert sum(one.stat().st_size for one in files) < BYTES_MAX
