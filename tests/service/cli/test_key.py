import stat
from pathlib import Path

import pytest

from keys.api_keys import ApiKeyText
from tests.support.terminal import Terminal


def create(payguard: Terminal, merchant_id: str, *more: object) -> dict[str, object]:
    return dict(payguard.json("key", "create", "--merchant", merchant_id, *more))


def key_id(made: dict[str, object]) -> str:
    key = made["key"]
    assert isinstance(key, dict)
    return str(key["key_id"])


def states(payguard: Terminal, merchant_id: str) -> dict[str, str]:
    rows = payguard.json("key", "list", "--merchant", merchant_id)
    return {row["key_id"]: row["state"] for row in rows}


def test_the_text_is_printed_once_and_is_a_key(payguard: Terminal, merchant_id: str) -> None:
    made = create(payguard, merchant_id, "--mode", "live")

    assert ApiKeyText(str(made["text"])).mode == "live"


def test_only_the_hash_is_kept(payguard: Terminal, merchant_id: str) -> None:
    text = str(create(payguard, merchant_id)["text"])

    files = [path.read_bytes() for path in payguard.home.iterdir() if path.is_file()]

    assert not [content for content in files if text.encode() in content]


def test_people_are_told_to_keep_the_text(payguard: Terminal, merchant_id: str) -> None:
    result = payguard("key", "create", "--merchant", merchant_id)

    assert "Keep the text now" in result.stdout
    assert "pgk_sandbox_" in result.stdout


def test_a_key_file_gets_the_text_and_the_terminal_does_not(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"

    result = payguard("key", "create", "--merchant", merchant_id, "--key-file", file)

    assert ApiKeyText(file.read_text().strip())
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "pgk_" not in result.stdout + result.stderr


def test_a_key_file_that_is_there_is_not_written_over(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "key"
    file.write_text("precious")

    result = payguard("key", "create", "--merchant", merchant_id, "--key-file", file)

    assert result.exit_code == 2
    assert file.read_text() == "precious"
    assert states(payguard, merchant_id) == {}


def test_a_refused_key_leaves_no_file(payguard: Terminal, merchant_id: str, tmp_path: Path) -> None:
    arguments = ("--mode", "live", "--scopes", "replay", "--key-file", tmp_path / "key")

    result = payguard("key", "create", "--merchant", merchant_id, *arguments)

    assert result.exit_code == 3
    assert not (tmp_path / "key").exists()


def test_an_unknown_scope_is_refused_before_anything_happens(
    payguard: Terminal, merchant_id: str
) -> None:
    result = payguard("key", "create", "--merchant", merchant_id, "--scopes", "everything")

    assert result.exit_code == 2
    assert states(payguard, merchant_id) == {}


@pytest.mark.usefixtures("store_kind")
def test_a_rotated_key_has_a_successor_of_the_same_scopes(
    payguard: Terminal, merchant_id: str
) -> None:
    made = create(payguard, merchant_id, "--scopes", "payments:read")

    successor = payguard.json("key", "rotate", key_id(made), "--merchant", merchant_id)

    assert successor["key"]["scopes"] == ["payments:read"]
    assert successor["text"] != made["text"]
    assert list(states(payguard, merchant_id).values()) == ["active", "active"]


@pytest.mark.usefixtures("store_kind")
def test_a_revoked_key_is_listed_as_such(payguard: Terminal, merchant_id: str) -> None:
    made = create(payguard, merchant_id)

    payguard("key", "revoke", key_id(made), "--merchant", merchant_id)

    assert states(payguard, merchant_id) == {key_id(made): "revoked"}


@pytest.mark.long
@pytest.mark.usefixtures("store_kind")
@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_another_merchant_s_key_is_not_found(
    payguard: Terminal, merchant_id: str, action: str
) -> None:
    made = create(payguard, merchant_id)
    other = payguard.json("merchant", "create", "--name", "Other")["merchant_id"]

    result = payguard("key", action, key_id(made), "--merchant", other)

    assert result.exit_code == 2
    assert "has no key" in result.stderr
    assert states(payguard, merchant_id) == {key_id(made): "active"}
