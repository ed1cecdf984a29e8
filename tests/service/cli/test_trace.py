import sqlite3

import pytest

from tests.support.terminal import Told


def payment_id(told: Told) -> str:
    return str(told.said["answer"]["id"])


@pytest.mark.usefixtures("store_kind")
def test_a_trace_tells_events_entries_and_messages_in_their_order(told: Told) -> None:
    found = told.payguard.json("trace", payment_id(told))

    assert [(one["what"], one["kind"]) for one in found["steps"]] == [
        ("event", "payment.created"),
        ("event", "payment.token_issued"),
        ("entry", "payment.assessed"),
        ("entry", "payment.created"),
        ("message", "payment.moved"),
    ]


def test_a_trace_names_strategy_batch_and_request(told: Told) -> None:
    found = told.payguard.json("trace", payment_id(told))

    assert found["strategies"][0].startswith("str_")
    assert len({one["batch"] for one in found["steps"]}) == 1
    assert found["steps"][2]["detail"]["request"].startswith("req_")


def test_a_trace_shows_no_token_and_nothing_about_the_payer(told: Told) -> None:
    printed = told.payguard("trace", payment_id(told)).stdout
    printed += told.payguard("trace", payment_id(told), "--json").stdout

    assert told.said["answer"]["payment_token"] not in printed
    assert "lin" not in printed.split()
    assert '"lin"' not in printed


def test_people_read_one_heading_for_each_command(told: Told) -> None:
    printed = told.payguard("trace", payment_id(told)).stdout

    assert printed.count(", batch ") == 1
    assert "380.00 CNY" in printed


@pytest.mark.usefixtures("store_kind")
@pytest.mark.parametrize("command", ["trace", "show"])
def test_an_unknown_payment_is_told_as_such(told: Told, command: str) -> None:
    result = told.payguard(command, "pay_unknown")

    assert result.exit_code == 2
    assert "there is no payment pay_unknown" in result.stderr


@pytest.mark.usefixtures("store_kind")
def test_show_folds_to_what_the_answer_said(told: Told) -> None:
    shown = told.payguard.json("show", payment_id(told))

    assert shown["status"] == told.said["answer"]["status"]
    assert shown["reason_code"] == told.said["answer"]["reason_code"]


def test_show_at_a_sequence_folds_no_later_event(told: Told) -> None:
    executed = executed_payment(told)
    first = told.payguard.json("trace", executed)["steps"][0]["sequence"]

    before = told.payguard.json("show", executed, "--at", first)

    assert before["status"] == "approved"
    assert told.payguard.json("show", executed)["status"] == "executing"


@pytest.mark.usefixtures("store_kind")
def test_show_before_the_first_event_says_which_that_is(told: Told) -> None:
    first = told.payguard.json("trace", payment_id(told))["steps"][0]["sequence"]

    result = told.payguard("show", payment_id(told), "--at", first - 1)

    assert result.exit_code == 2
    assert f"its first event has sequence {first}" in result.stderr


def test_show_gives_no_facts_about_people(told: Told) -> None:
    assert "facts" not in told.payguard.json("show", payment_id(told))


def executed_payment(told: Told) -> str:
    """Return the payment that Lin made before the demo began to ask for proof."""
    connection = sqlite3.connect(told.payguard.home / "payguard.sqlite")
    row = connection.execute(
        "SELECT payment_id FROM payments WHERE status = 'executing'"
    ).fetchone()
    connection.close()
    return str(row[0])
