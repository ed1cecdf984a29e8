"""Routes of the log: what they give verifies, and shows nobody another merchant's entries."""

import json
from typing import Any

import pytest

from keys.translog import leaf_hash, verify_consistency, verify_inclusion
from service.rooms.audit import model
from service.unit_of_work.commands import Call
from tests.service.rooms.audit.conftest import Log


@pytest.fixture
def mine(log: Log) -> Call:
    """A merchant with entries in a signed log, between those of others."""
    log.write(3)
    call = log.write()
    log.suspend(call)
    log.write(2)
    log.grow()
    return call


def said(log: Log, call: Call, path: str, **given: Any) -> tuple[int, Any]:
    response = log.front(call, **given).get(path)
    return response.status_code, response.get_json()


def test_the_latest_checkpoint_verifies_under_its_key(log: Log, mine: Call) -> None:
    status, found = said(log, mine, "/v1/audit/checkpoint")

    signed = model.opened(found["note"], log.verifiers())
    assert signed is not None
    assert (status, signed.size, signed.root.hex()) == (200, found["size"], found["root"])
    assert found["verifier_key"] == log.verifiers()[0].verifier_key
    assert said(log, mine, f"/v1/audit/checkpoint?size={found['size']}") == (200, found)


@pytest.mark.parametrize("size", ["1", "999"])
def test_a_size_without_a_checkpoint_is_not_found(log: Log, mine: Call, size: str) -> None:
    status, found = said(log, mine, f"/v1/audit/checkpoint?size={size}")

    assert (status, found["code"]) == (404, "checkpoint_not_found")


def test_a_merchant_sees_its_own_entries_and_each_has_a_proof(log: Log, mine: Call) -> None:
    _, page = said(log, mine, "/v1/audit/entries")

    assert [one["number"] for one in page["entries"]] == list(range(1, len(page["entries"]) + 1))
    assert page["entries"][-1]["kind"] == "merchant.suspended"
    assert page["next_after"] is None
    for one in page["entries"]:
        _, proof = said(log, mine, f"/v1/audit/inclusion?index={one['index']}")
        assert proof["entry"] == one
        assert json.loads(one["body"])["merchant"] == mine.merchant_id
        verify_inclusion(
            index=one["index"],
            size=proof["size"],
            leaf=leaf_hash(one["body"].encode()),
            proof=[bytes.fromhex(each) for each in proof["hashes"]],
            root=bytes.fromhex(proof["root"]),
        )


def test_entries_come_in_pages(log: Log, mine: Call) -> None:
    log.suspend(mine)
    _, first = said(log, mine, "/v1/audit/entries?limit=1")
    _, second = said(log, mine, f"/v1/audit/entries?limit=1&after={first['next_after']}")

    assert [first["entries"][0]["number"], second["entries"][0]["number"]] == [1, 2]


def test_another_modes_entries_are_not_shown(log: Log, mine: Call) -> None:
    _, page = said(log, mine, "/v1/audit/entries")
    index = page["entries"][0]["index"]

    _, other = said(log, mine, "/v1/audit/entries", mode="sandbox")
    status, found = said(log, mine, f"/v1/audit/inclusion?index={index}", mode="sandbox")

    assert other["entries"] == []
    assert (status, found["code"]) == (404, "log_entry_not_found")


@pytest.mark.parametrize("index", ["0", "999"])
def test_what_is_not_ones_own_is_not_found(log: Log, mine: Call, index: str) -> None:
    status, found = said(log, mine, f"/v1/audit/inclusion?index={index}")

    assert (status, found["code"]) == (404, "log_entry_not_found")


def test_what_no_checkpoint_covers_has_no_proof_yet(log: Log, mine: Call) -> None:
    log.suspend(mine)
    _, page = said(log, mine, "/v1/audit/entries")

    index = page["entries"][-1]["index"]
    assert said(log, mine, f"/v1/audit/inclusion?index={index}")[1]["code"] == "log_not_signed_yet"


def test_an_older_size_is_extended_by_the_newer(log: Log, mine: Call) -> None:
    old = said(log, mine, "/v1/audit/checkpoint")[1]
    log.write(300)
    new = log.grow()

    _, proof = said(log, mine, f"/v1/audit/consistency?old={old['size']}")

    assert (proof["new"], proof["new_root"], proof["old_root"]) == (
        new.size,
        new.root.hex(),
        old["root"],
    )
    verify_consistency(
        old=proof["old"],
        new=proof["new"],
        proof=[bytes.fromhex(one) for one in proof["hashes"]],
        old_root=bytes.fromhex(old["root"]),
        new_root=new.root,
    )
    index = said(log, mine, "/v1/audit/entries")[1]["entries"][0]["index"]
    _, within = said(log, mine, f"/v1/audit/inclusion?index={index}&size={old['size']}")
    assert within["root"] == old["root"]


@pytest.mark.parametrize("query", ["old=5&new=4", "old=5&new=999", "old=999"])
def test_sizes_that_the_log_does_not_have_are_refused(log: Log, mine: Call, query: str) -> None:
    status, found = said(log, mine, f"/v1/audit/consistency?{query}")

    assert (status, found["code"]) == (422, "log_sizes_invalid")


def test_a_proof_in_a_tree_that_is_yet_to_come_is_refused(log: Log, mine: Call) -> None:
    index = said(log, mine, "/v1/audit/entries")[1]["entries"][0]["index"]

    status, found = said(log, mine, f"/v1/audit/inclusion?index={index}&size=999")
    assert (status, found["code"]) == (422, "log_sizes_invalid")


def test_before_the_first_checkpoint_there_is_nothing_to_prove(log: Log) -> None:
    call = log.write()

    for path in ("/v1/audit/checkpoint", "/v1/audit/consistency?old=1"):
        status, found = said(log, call, path)
        assert (status, found["code"]) == (409, "log_not_signed_yet")


def test_another_scope_opens_none_of_it(log: Log, mine: Call) -> None:
    assert said(log, mine, "/v1/audit/checkpoint", scopes=("lists:read",))[0] == 403
