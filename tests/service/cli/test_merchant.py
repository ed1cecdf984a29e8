from service.rooms.merchants.contract import DEFAULT_SCOPES, SCOPES
from tests.support.terminal import Terminal


def test_a_merchant_is_made_with_a_tenant_of_its_own(payguard: Terminal) -> None:
    made = payguard.json("merchant", "create", "--name", "Kites", "--preset", "CN")

    assert made["merchant_id"].startswith("mer_")
    assert made["tenant_id"].startswith("ten_")
    assert made["preset"] == "CN"


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
