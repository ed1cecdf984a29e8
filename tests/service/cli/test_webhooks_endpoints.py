import json
import stat
from pathlib import Path
from typing import Any

import pytest

from keys.webhooks import Verifier
from tests.support.terminal import Terminal

URL = "https://hooks.example/payguard"


def create(payguard: Terminal, merchant_id: str, *more: object) -> dict[str, Any]:
    return dict(
        payguard.json(
            "webhooks", "endpoints", "create", "--merchant", merchant_id, "--url", URL, *more
        )
    )


def listed(payguard: Terminal, merchant_id: str, *more: object) -> list[dict[str, Any]]:
    return list(payguard.json("webhooks", "endpoints", "list", "--merchant", merchant_id, *more))


def test_a_secret_is_shown_once_and_is_one(payguard: Terminal, merchant_id: str) -> None:
    made = create(payguard, merchant_id)

    assert Verifier([made["secret"], made["endpoint"]["public_keys"][0]["public_key"]])
    assert made["secret"] not in json.dumps(listed(payguard, merchant_id))
    files = [path.read_bytes() for path in payguard.home.iterdir() if path.is_file()]
    assert not [content for content in files if made["secret"].encode() in content]


def test_a_secret_file_gets_the_secret_and_the_terminal_does_not(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"

    result = payguard(
        *("webhooks", "endpoints", "create", "--merchant", merchant_id, "--url", URL),
        *("--secret-file", file),
    )

    assert Verifier([file.read_text().strip()])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "whsec_" not in result.stdout + result.stderr


def test_a_secret_file_is_taken_back_when_the_command_is_refused(
    payguard: Terminal, merchant_id: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"

    result = payguard(
        *("webhooks", "endpoints", "create", "--merchant", merchant_id),
        *("--url", "https://169.254.169.254/", "--secret-file", file),
    )

    assert result.exit_code == 3
    assert not file.exists()


@pytest.mark.usefixtures("store_kind")
def test_an_endpoint_is_stopped_started_and_deleted(payguard: Terminal, merchant_id: str) -> None:
    endpoint_id = create(payguard, merchant_id)["endpoint"]["id"]

    def told(action: str) -> Any:
        return payguard.json(
            "webhooks", "endpoints", action, endpoint_id, "--merchant", merchant_id
        )

    assert told("disable")["state"] == "disabled"
    assert listed(payguard, merchant_id)[0]["disabled_because"] == "merchant"
    assert told("enable")["state"] == "enabled"
    told("delete")
    assert listed(payguard, merchant_id) == []


@pytest.mark.usefixtures("store_kind")
def test_a_rotation_shows_the_new_secret(payguard: Terminal, merchant_id: str) -> None:
    made = create(payguard, merchant_id)

    rotated = payguard.json(
        *("webhooks", "endpoints", "rotate", made["endpoint"]["id"]),
        *("--merchant", merchant_id, "--overlap-s", "60"),
    )

    assert rotated["secret"] != made["secret"]
    assert len(rotated["endpoint"]["public_keys"]) == 2


@pytest.mark.usefixtures("store_kind")
def test_people_see_what_there_is(payguard: Terminal, merchant_id: str) -> None:
    endpoint_id = create(payguard, merchant_id)["endpoint"]["id"]

    shown = payguard("webhooks", "endpoints", "list", "--merchant", merchant_id)
    none = payguard("webhooks", "deliveries", endpoint_id, "--merchant", merchant_id)

    assert endpoint_id in shown.stdout
    assert URL in shown.stdout
    assert none.exit_code == 0
    assert "whsec_" not in shown.stdout + none.stdout


@pytest.mark.long
@pytest.mark.usefixtures("store_kind")
@pytest.mark.parametrize("command", ["deliveries", "replay"])
def test_an_endpoint_of_another_is_not_there(
    payguard: Terminal, merchant_id: str, command: str
) -> None:
    endpoint_id = create(payguard, merchant_id)["endpoint"]["id"]
    other = payguard.json("merchant", "create", "--name", "Bows")["merchant_id"]

    for more in (("--merchant", other), ("--merchant", merchant_id, "--mode", "live")):
        result = payguard("webhooks", command, endpoint_id, *more, "--json")
        assert result.exit_code in {2, 3}
        assert json.loads(result.stdout)["error"]["code"] == "webhook_endpoint_not_found"


@pytest.mark.usefixtures("store_kind")
def test_a_replay_of_nothing_says_so(payguard: Terminal, merchant_id: str) -> None:
    endpoint_id = create(payguard, merchant_id)["endpoint"]["id"]

    done = payguard.json(
        *("webhooks", "replay", endpoint_id, "--merchant", merchant_id),
        *("--from", "2026-01-01T00:00:00Z"),
    )
    refused = payguard(
        *("webhooks", "replay", endpoint_id, "--merchant", merchant_id, "--from", "yesterday"),
    )

    assert done == {"count": 0}
    assert refused.exit_code == 2
