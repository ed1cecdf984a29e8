"""Writes the examples of docs/api.md: real requests, and what the service answers to them.

The prose of the page is written by hand. What stands in a fence `json request NAME`,
`json answer NAME` or `json problem NAME` is written here, by the name of its route.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from keys.entropy import CountingEntropy
from keys.notes import Checkpoint, Signer, sign_checkpoint
from service.rooms.models.contract import AddModelPart
from service.rooms.models.model import parts_of, signed
from tests.architecture.house import ROOT
from tests.contract.house import EVERY_SCOPE, MAKER, Holder, House
from tests.service.rooms.models.conftest import adding, manifest
from tests.support.uow import a_house_call

PAGE: Final = ROOT / "docs" / "api.md"
WIDTH: Final = 96
FENCE: Final = re.compile(
    r"^```json (request|answer|problem) (\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)
# What differs from run to run, or is too long to read.
TOKEN: Final = re.compile(r"eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
SHOWN: Final = "eyJhbGciOi.eyJpc3MiOi.MEUCIQDx"
PSEUDONYM: Final = re.compile(r"\b(em|ph|ip)_[0-9a-z]{26,}")
HASH: Final = re.compile(r"sha256:[0-9a-f]{64}")
BARE_HASH: Final = re.compile(r"\b[0-9a-f]{64}\b")
COORDINATES: Final = {
    "x": "jH_l4F5LbOs9I0lQ5Ub5ZN_EcZAo1hF43Aaq9Nyh2kk",
    "y": "OEuY1ebv-z8U2WixifFe6WSeCmGokayDy7X2_w-vr3c",
    "kid": "jmuPECzB065EHnV0r_cZaMYa3tN1GPofagfSHwkCzCE",
}
WEBHOOK_KEY: Final = re.compile(r"\b(whsec|whpk)_[A-Za-z0-9+/]{43}=")
REQUEST_ID: Final = "req_01M8693804KV09GNB36AH50ZYS"

PAYMENT: Final = {
    "reference": "ord-8831-1",
    "occurred_at": "2026-11-24T07:59:31.402Z",
    "kind": "purchase",
    "amount": {"value": 38_000, "currency": "CNY"},
    "payer": {"payer_id": "c_17", "email": "lin@example.com"},
    "payee": {"payee_id": "p_77", "type": "merchant", "name": "Lin's Phones"},
    "device": {"device_id": "d_5", "platform": "android", "ip": "203.0.113.9"},
    "metadata": {"campaign": "singles-day"},
}

Examples = dict[tuple[str, str], Any]


def render() -> str:
    """Return the page with the examples as they are today."""
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder), random=CountingEntropy())
        try:
            examples = _examples(house)
        finally:
            house.close()

    def fresh(found: re.Match[str]) -> str:
        example = examples[found[1], found[2]]
        return f"```json {found[1]} {found[2]}\n{written(example)}\n```"

    return FENCE.sub(fresh, PAGE.read_text())


def fences(text: str) -> Iterator[tuple[str, str, Any]]:
    """Yield what a document shows: which of the three, the route's name, and the JSON."""
    for found in FENCE.finditer(text):
        yield found[1], found[2], json.loads(found[3])


def written(value: Any, indent: int = 0) -> str:
    """Return JSON in which what fits a line stands on one."""
    short = json.dumps(value, ensure_ascii=False)
    if len(short) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return short
    inner = indent + 2
    if isinstance(value, dict):
        items = [f"{json.dumps(name)}: {written(one, inner)}" for name, one in value.items()]
    else:
        items = [written(one, inner) for one in value]
    lines = f",\n{' ' * inner}".join(items)
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{' ' * inner}{lines}\n{' ' * indent}{closing}"


class _Recorder:
    """Sends requests and keeps those that are shown."""

    def __init__(self, house: House, key: Holder) -> None:
        self._house = house
        self._key = key
        self.kept: Examples = {}

    def ask(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """Send a request and keep it with its answer."""
        answer = self._house.send(method, path, key=self._key, body=body)
        if body is not None:
            self.kept["request", name] = _shown(body)
        kind = "answer" if answer.code is None else "problem"
        self.kept[kind, name] = _shown(answer.json)
        return answer.json


def _examples(house: House) -> Examples:
    scopes = tuple(one for one in EVERY_SCOPE if one != "assessments:explain")
    record = _Recorder(house, house.key(house.merchant(), "sandbox", scopes))
    paid = record.ask("create_payment", "POST", "/v1/payments", PAYMENT)
    path = f"/v1/payments/{paid['id']}"
    execution = {
        "payment_token": paid["payment_token"],
        "amount": PAYMENT["amount"],
        "payee": {"payee_id": "p_77"},
        "device": {"device_id": "d_5"},
    }
    record.ask("execute_payment", "POST", f"{path}/execute", execution)
    told = {
        "type": "captured",
        "source": "acquirer-1",
        "external_id": "cap-5530",
        "occurred_at": "2026-11-24T08:00:02Z",
        "amount": {"value": 38_000, "currency": "CNY"},
    }
    record.ask("report_event", "POST", f"{path}/events", told)
    record.ask("get_payment", "GET", path)
    _other_ends(house, record)
    record.ask("list_payments", "GET", "/v1/payments?status=captured")
    known = {"device_id": "d_5", "since": "2026-08-01T00:00:00Z"}
    payer = {"payer_id": "c_17", "consent": {"small_payments": True}, "known_devices": [known]}
    record.ask("register_payer", "POST", "/v1/payers", payer)
    _assessments(house, record)
    _labels(house, record)
    _lists(record)
    _audit(house, record)
    _webhooks(house, record)
    _models(house, record)
    record.ask("get_public_keys", "GET", "/.well-known/jwks.json")
    wrong = PAYMENT | {"amount": {"value": "380.00", "currency": "CNY"}, "payee": {}}
    problem = house.send("POST", "/v1/payments", key=record._key, body=wrong)
    record.kept["problem", "create_payment"] = _shown(problem.json)
    return record.kept


def _other_ends(house: House, record: _Recorder) -> None:
    def judged(outcome: str) -> dict[str, Any]:
        return house.create(record._key, payee={"payee_id": f"test:{outcome}"})

    path = f"/v1/payments/{judged('approve')['id']}"
    record.ask("issue_payment_token", "POST", f"{path}/token", {})
    record.ask("cancel_payment", "POST", f"{path}/cancel", {"reason": "The cart was changed."})
    path = f"/v1/challenges/{judged('challenge')['challenge']['id']}"
    record.ask("get_challenge", "GET", path)
    record.ask("cancel_challenge", "POST", f"{path}/cancel", {})
    path = f"/v1/holds/{judged('hold')['hold']['id']}"
    record.ask("get_hold", "GET", path)
    record.ask("cancel_hold", "POST", f"{path}/cancel", {})


def _assessments(house: House, record: _Recorder) -> None:
    told = {
        "event": "payout",
        "occurred_at": house.clock.now().isoformat(timespec="milliseconds"),
        "payer": {"payer_id": "s_204", "contact_changed_at": "2026-11-23T21:40:00Z"},
        "payee": {"payee_id": "s_204", "type": "self", "account": "acf_01J9"},
        "amount": {"value": 1_250_000, "currency": "CNY"},
        "destination": {"type": "account", "added_at": "2026-11-23T21:44:00Z"},
        "device": {"device_id": "d_9", "ip": "198.51.100.7"},
    }
    made = record.ask("create_assessment", "POST", "/v1/assessments", told)
    path = f"/v1/assessments/{made['id']}"
    record.ask("get_assessment", "GET", path)
    record.ask("list_assessments", "GET", "/v1/assessments?status=held")
    record.ask("release_assessment", "POST", f"{path}/release", {"reason": "The seller called."})
    again = house.send("POST", f"{path}/refuse", key=record._key, body={})
    record.kept["problem", "refuse_assessment"] = _shown(again.json)
    other = house.post("/v1/assessments", record._key, told, status=201)
    record.ask("refuse_assessment", "POST", f"/v1/assessments/{other['id']}/refuse", {})


def _labels(house: House, record: _Recorder) -> None:
    payment_id = house.create(record._key)["id"]
    told = {
        "payment_id": payment_id,
        "intent": "scam",
        "source": "bank",
        "external_id": "case-2231",
        "known_at": house.clock.now().isoformat(timespec="milliseconds"),
    }
    record.ask("record_label", "POST", "/v1/labels", told)
    record.ask("list_labels", "GET", f"/v1/labels?payment_id={payment_id}")


def _lists(record: _Recorder) -> None:
    told = {
        "kind": "block",
        "strength": "absolute",
        "entity": "ip",
        "value": "198.51.100.0/24",
        "reason": "card testing from a rented range",
        "owner": "risk team",
        "expires_at": "2026-12-24T00:00:00Z",
    }
    made = record.ask("add_list_entry", "POST", "/v1/lists/entries", told)
    path = f"/v1/lists/entries/{made['id']}"
    record.ask("get_list_entry", "GET", path)
    record.ask("list_list_entries", "GET", "/v1/lists/entries?kind=block&limit=1")
    record.ask("remove_list_entry", "POST", f"{path}/remove", {})


def _models(house: House, record: _Recorder) -> None:
    file = b"what the trees are is no part of this page"
    told = manifest(name="autumn-2026", metrics={"average_precision": 0.78, "auc": 0.88})
    for content in parts_of(file):
        house.do(AddModelPart(content=content), a_house_call())
    house.do(adding(file, manifest=told, note=signed(told, MAKER)), a_house_call())
    page = record.ask("list_models", "GET", "/v1/models?limit=1")
    record.ask("get_model", "GET", f"/v1/models/{page['models'][0]['id']}")


def _audit(house: House, record: _Recorder) -> None:
    house.sign()
    made = house.create(record._key)
    house.sign()
    record.ask("get_checkpoint", "GET", "/v1/audit/checkpoint")
    index = made["receipt"]["index"]
    proof = record.ask("prove_log_entry", "GET", f"/v1/audit/inclusion?index={index}")
    after = proof["entry"]["number"] - 1
    record.ask("list_log_entries", "GET", f"/v1/audit/entries?after={after}&limit=1")
    record.ask("prove_log_consistency", "GET", "/v1/audit/consistency?old=3&new=5")


def _webhooks(house: House, record: _Recorder) -> None:
    told = {"url": "https://shop.example/hooks/payguard", "description": "orders"}
    made = record.ask("create_webhook_endpoint", "POST", "/v1/webhook_endpoints", told)
    path = f"/v1/webhook_endpoints/{made['id']}"
    house.create(record._key)
    while house.worker.run_once():
        pass
    page = record.ask("list_webhook_deliveries", "GET", f"{path}/deliveries?limit=1")
    again = f"/v1/webhook_deliveries/{page['deliveries'][0]['id']}/replay"
    record.ask("replay_webhook_delivery", "POST", again, {})
    since = {"created_from": "2026-11-24T00:00:00Z", "created_to": "2026-11-25T00:00:00Z"}
    record.ask("replay_webhook_deliveries", "POST", f"{path}/replay", since)
    record.ask("update_webhook_endpoint", "POST", path, {"kinds": ["payguard.payment.moved"]})
    record.ask("rotate_webhook_secret", "POST", f"{path}/rotate", {"overlap_s": 86_400})
    record.ask("get_webhook_endpoint", "GET", path)
    record.ask("disable_webhook_endpoint", "POST", f"{path}/disable", {})
    record.ask("enable_webhook_endpoint", "POST", f"{path}/enable", {})
    record.ask("list_webhook_endpoints", "GET", "/v1/webhook_endpoints")
    record.ask("delete_webhook_endpoint", "POST", f"{path}/delete", {})


def _shown(value: Any) -> Any:
    """Return JSON as the page shows it: the same in every run."""
    text = json.dumps(value)
    text = HASH.sub("sha256:" + "5a3c" * 16, TOKEN.sub(SHOWN, text))
    text = BARE_HASH.sub("5a3c" * 16, text)
    text = re.sub(r"req_[0-9A-Z]{26}", REQUEST_ID, text)
    text = WEBHOOK_KEY.sub(rf"\1_{'a4Zk' * 10}PqE=", text)
    text = PSEUDONYM.sub(rf"\1_{'5a3c' * 8}", text)
    shown = json.loads(text)
    if isinstance(shown, dict) and {"note", "origin", "root"} <= shown.keys():
        signed = Checkpoint(shown["origin"], shown["size"], bytes.fromhex(shown["root"]))
        signer = Signer(shown["origin"], bytes(32))
        shown["note"] = sign_checkpoint(signed, signer)
        shown["verifier_key"] = signer.verifier_key
    for one in shown.get("keys", ()) if isinstance(shown, dict) else ():
        one.update(COORDINATES)
    return shown


if __name__ == "__main__":
    PAGE.write_text(render())
