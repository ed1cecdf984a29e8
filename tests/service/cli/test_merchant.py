from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.rooms.merchants.contract import DEFAULT_SCOPES, SCOPES
from tests.support.clients import Client
from tests.support.terminal import Process, Terminal


def limits_of(payguard: Terminal, merchant_id: str) -> dict[str, Any]:
    return dict(payguard.json("merchant", "show", merchant_id)["limits"])


def test_a_merchant_is_made_with_a_tenant_of_its_own(payguard: Terminal) -> None:
    made = payguard.json("merchant", "create", "--name", "Kites", "--preset", "CN")

    assert made["merchant_id"].startswith("mer_")
    assert made["tenant_id"].startswith("ten_")
    assert made["preset"] == "CN"


@pytest.mark.usefixtures("store_kind")
def test_a_second_merchant_may_join_the_first_one_s_network(payguard: Terminal) -> None:
    first = payguard.json("merchant", "create", "--name", "One")

    second = payguard.json("merchant", "create", "--name", "Two", "--tenant", first["tenant_id"])

    assert second["tenant_id"] == first["tenant_id"]


def test_people_are_told_the_next_step(payguard: Terminal) -> None:
    result = payguard("merchant", "create", "--name", "Kites")

    assert "next: payguard key create --merchant mer_" in result.stdout


def test_a_refusal_is_the_service_s_own_words(payguard: Terminal) -> None:
    result = payguard("merchant", "create", "--name", "Kites", "--tenant", "ten_unknown")

    assert result.exit_code == 3
    assert result.stderr.startswith("error: ")
    assert "next: " in result.stderr


def test_a_name_out_of_the_contract_is_no_fault(payguard: Terminal) -> None:
    result = payguard("merchant", "create", "--name", "two\nlines")

    assert result.exit_code == 2
    assert "options_invalid" in payguard("merchant", "create", "--name", "", "--json").stdout


def test_without_a_database_the_next_step_is_migrate(fresh: Terminal) -> None:
    result = fresh("merchant", "create", "--name", "Kites")

    assert result.exit_code == 2
    assert "next: run `payguard migrate`" in result.stderr


def test_an_unknown_merchant_gets_no_key(payguard: Terminal) -> None:
    result = payguard("key", "create", "--merchant", "mer_unknown")

    assert result.exit_code == 2
    assert "there is no merchant mer_unknown" in result.stderr


def test_a_key_without_scopes_given_gets_all_that_a_merchant_s_server_needs(
    payguard: Terminal, merchant_id: str
) -> None:
    made = payguard.json("key", "create", "--merchant", merchant_id)

    assert made["key"]["scopes"] == list(DEFAULT_SCOPES)
    assert set(SCOPES) - set(DEFAULT_SCOPES) == {"assessments:decide", "models:read", "replay"}


@pytest.mark.usefixtures("store_kind")
def test_a_merchant_is_shown_and_listed_as_it_is_set(payguard: Terminal, merchant_id: str) -> None:
    other = payguard.json("merchant", "create", "--name", "Lamps")

    said = payguard.json(
        *("merchant", "set", merchant_id, "--preset", "CN", "--review-mode", "before_capture"),
        *("--limit", "5000.00:CNY", "--limit", "700:JPY", "--small-limit", "50.5:CNY"),
    )

    assert (said["preset"], said["review_mode"]) == ("CN", "before_capture")
    assert said["limits"] == {
        "CNY": {"challenge_minor": 500_000, "small_minor": 5_050},
        "JPY": {"challenge_minor": 700, "small_minor": None},
    }
    assert payguard.json("merchant", "show", merchant_id) == said
    assert payguard.json("merchant", "list") == sorted(
        [said, other], key=lambda one: str(one["merchant_id"])
    )
    text = payguard("merchant", "show", merchant_id).stdout
    assert "proof up to 5000.00 CNY, small up to 50.50 CNY" in text
    assert "proof up to 700 JPY\n" in text
    assert "Lamps" in payguard("merchant", "list").stdout


@pytest.mark.usefixtures("store_kind")
def test_what_is_not_named_stays_as_it_is(payguard: Terminal, merchant_id: str) -> None:
    payguard("merchant", "set", merchant_id, "--limit", "5000:CNY", "--small-limit", "50:CNY")

    payguard("merchant", "set", merchant_id, "--limit", "80:EUR", "--limit", "none:CNY")

    assert limits_of(payguard, merchant_id) == {
        "CNY": {"challenge_minor": None, "small_minor": 5_000},
        "EUR": {"challenge_minor": 8_000, "small_minor": None},
    }
    payguard("merchant", "set", merchant_id, "--small-limit", "none:CNY")
    assert set(limits_of(payguard, merchant_id)) == {"EUR"}
    assert payguard.json("merchant", "show", merchant_id)["preset"] == "judge_only"


@pytest.mark.parametrize(
    "options",
    [
        ("--limit", "5000"),
        ("--limit", "5000.001:CNY"),
        ("--limit", "7.5:JPY"),
        ("--limit", "-5:CNY"),
        ("--limit", "5e3:CNY"),
        ("--limit", "５:CNY"),  # noqa: RUF001  a digit of another script
        ("--limit", "5:XYZ"),
        ("--limit", "9999999999999999:CNY"),
        ("--small-limit", "5:cny"),
    ],
)
def test_what_cannot_be_set_is_told_and_changes_nothing(
    payguard: Terminal, merchant_id: str, options: tuple[str, ...]
) -> None:
    result = payguard("merchant", "set", merchant_id, "--preset", "CN", *options, "--json")

    assert result.exit_code == 2
    assert "options_invalid" in result.stdout
    assert payguard.json("merchant", "show", merchant_id)["preset"] == "judge_only"


def test_to_set_nothing_is_told(payguard: Terminal, merchant_id: str) -> None:
    said = payguard.json("merchant", "set", merchant_id)

    assert said["error"]["code"] == "options_invalid"


@pytest.mark.parametrize(
    "words",
    [("show",), ("set", "--preset", "CN"), ("suspend", "--reason", "bust-out"), ("resume",)],
    ids=lambda words: str(words[0]),
)
def test_an_unknown_merchant_is_told(payguard: Terminal, words: tuple[str, ...]) -> None:
    result = payguard("merchant", *words, "mer_unknown", "--json")

    assert result.exit_code == 2
    assert "merchant_not_found" in result.stdout


@pytest.mark.usefixtures("store_kind")
def test_a_suspension_says_why(payguard: Terminal, merchant_id: str) -> None:
    assert payguard("merchant", "suspend", merchant_id).exit_code == 2
    assert payguard("merchant", "suspend", merchant_id, "--reason", "").exit_code == 2

    said = payguard.json("merchant", "suspend", merchant_id, "--reason", "bust-out")

    assert said["status"] == "suspended"
    refused = payguard.json("key", "create", "--merchant", merchant_id)
    assert refused["error"]["code"] == "merchant_suspended"
    assert payguard.json("merchant", "resume", merchant_id)["status"] == "active"


@pytest.mark.parametrize("words", [("list",), ("show", "mer_1")], ids=lambda words: str(words[0]))
def test_without_a_database_nothing_is_shown(fresh: Terminal, words: tuple[str, ...]) -> None:
    result = fresh("merchant", *words)

    assert result.exit_code == 2
    assert "next: " in result.stderr


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Process]:
    home = {"PAYGUARD_DATA_DIR": str(tmp_path / "home"), "PAYGUARD_PORT": "0"}
    with Process("serve", environment=home) as process:
        yield process


@pytest.mark.servers
def test_a_merchant_of_a_running_service_is_suspended_and_set_at_once(served: Process) -> None:
    payguard = Terminal(Path(served.ready["data_dir"]))
    merchant_id = payguard.json("merchant", "create", "--name", "Kites")["merchant_id"]
    key = payguard.json("key", "create", "--merchant", merchant_id)["text"]
    port = int(served.url.rsplit(":", 1)[1])

    def status() -> int:
        with Client(port, key) as client:
            return client.get("/v1/payments").status

    assert status() == 200
    payguard("merchant", "suspend", merchant_id, "--reason", "bust-out")
    assert status() == 401
    payguard("merchant", "resume", merchant_id)
    assert status() == 200
    payguard("merchant", "set", merchant_id, "--limit", "5000.00:CNY")
    assert limits_of(payguard, merchant_id)["CNY"]["challenge_minor"] == 500_000
