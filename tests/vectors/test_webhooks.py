"""Standard Webhooks: the vector of its libraries and the seventeen verdicts, eighteen in all."""

import base64
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys.webhooks import Receiver, Verifier, WebhookKeyRefused, WebhookRefused

Case = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def vectors(material: Path) -> dict[str, Any]:
    file = material / "attack" / "standard-webhooks" / "vectors.json"
    read: dict[str, Any] = json.loads(file.read_text())
    return read


def _verify(
    vector: dict[str, Any], *, secret: str | None = None, late_s: int = 0, **changes: str | None
) -> str:
    given = {
        "webhook-id": vector["msg_id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["signature"],
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    headers = {name: value for name, value in given.items() if value is not None}
    verifier = Verifier([vector["secret"] if secret is None else secret])
    return verifier.verify(headers, vector["payload"].encode(), now_s=vector["timestamp"] + late_s)


def _unpadded(vector: dict[str, Any]) -> None:
    for size in (25, 26):
        key = bytes(range(size))
        text = base64.b64encode(key).decode().rstrip("=")
        data = f"{vector['msg_id']}.{vector['timestamp']}.{vector['payload']}".encode()
        mac = base64.b64encode(hmac.digest(key, data, "sha256")).decode()
        _verify(vector, secret=f"whsec_{text}", webhook_signature=f"v1,{mac}")


def _twice(vector: dict[str, Any]) -> None:
    receiver = Receiver(Verifier([vector["secret"]]))
    given = {
        "webhook-id": vector["msg_id"],
        "webhook-timestamp": str(vector["timestamp"]),
        "webhook-signature": vector["signature"],
    }
    for _ in range(2):
        receiver.receive(given, vector["payload"].encode(), now_s=vector["timestamp"])


def _both_prefixes(vector: dict[str, Any]) -> None:
    _verify(vector)
    _verify(vector, secret=vector["secret"].removeprefix("whsec_"))


def _changed(vector: dict[str, Any]) -> str:
    good = vector["signature"]
    return good[:10] + ("A" if good[10] != "A" else "B") + good[11:]


CASES: dict[str, Case] = {
    "valid": _verify,
    "valid_with_and_without_whsec_prefix": _both_prefixes,
    "secret_unpadded_base64_1_and_2": _unpadded,
    "multiple_signatures_one_valid": lambda one: _verify(
        one, webhook_signature=f"v1,{base64.b64encode(bytes(32)).decode()} {one['signature']}"
    ),
    "unknown_version_only_v2": lambda one: _verify(
        one, webhook_signature=one["signature"].replace("v1,", "v2,")
    ),
    "missing_id": lambda one: _verify(one, webhook_id=None),
    "missing_timestamp": lambda one: _verify(one, webhook_timestamp=None),
    "missing_signature": lambda one: _verify(one, webhook_signature=None),
    "timestamp_not_a_number": lambda one: _verify(one, webhook_timestamp="soon"),
    "signature_one_char_changed": lambda one: _verify(one, webhook_signature=_changed(one)),
    "timestamp_older_than_300s": lambda one: _verify(one, late_s=301),
    "timestamp_newer_than_300s": lambda one: _verify(one, late_s=-301),
    "empty_secret_at_construction": lambda one: _verify(one, secret=""),
    "ADDED_replay_same_id_within_tolerance": _twice,
    "ADDED_timestamp_with_.0_suffix": lambda one: _verify(
        one, webhook_timestamp=f"{one['timestamp']}.0"
    ),
    "ADDED_timestamp_in_fullwidth_digits": lambda one: _verify(
        one, webhook_timestamp="".join(chr(0xFF10 + int(d)) for d in str(one["timestamp"]))
    ),
    "ADDED_1000_junk_signatures_then_valid": lambda one: _verify(
        one, webhook_signature="v1,AAAA " * 1_000 + one["signature"]
    ),
}


def test_the_fixed_vector_verifies_and_is_what_the_standard_signs(vectors: dict[str, Any]) -> None:
    vector = vectors["fixed_vector"]

    assert _verify(vector) == vector["msg_id"]
    assert vectors["tolerance_seconds"] == 300


def test_no_verdict_is_left_out(vectors: dict[str, Any]) -> None:
    assert [one["name"] for one in vectors["cases"]] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_each_verdict_is_as_expected(vectors: dict[str, Any], name: str) -> None:
    [expected] = [one["expect"] for one in vectors["cases"] if one["name"] == name]
    vector = vectors["fixed_vector"]

    if expected == "accept":
        CASES[name](vector)
    else:
        refusal = WebhookKeyRefused if expected == "error" else WebhookRefused
        with pytest.raises(refusal):
            CASES[name](vector)
