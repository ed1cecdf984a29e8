"""Makes the fields of a request that schemathesis made up fit each other, and what is there.

Hardly one of those fits by chance: without this nearly all end at the door or in a 404, and what
rooms do with valid requests would not be seen. What is refused instead has tests of its own.
"""

import copy
from typing import Any, Final

CREATE: Final = "POST /v1/payments"
EXECUTED: Final = ("amount", "payee", "instrument", "device", "order")
# What an action has only where it belongs, by its event; and what it cannot be without there.
BELONGS: Final = {
    "payee": {"new_payee", "payout"},
    "amount": {"payout"},
    "changes": {"account_change"},
    "destination": {"payout"},
}
NEEDED: Final[dict[str, Any]] = {
    "payee": {"payee_id": "payee-1"},
    "amount": {"value": 1, "currency": "CNY"},
    "changes": ["email"],
}


class Made:
    """The payments that were made: which is the newest, and what executes each, once."""

    def __init__(self) -> None:
        self.newest: str | None = None
        self._executions: dict[str, dict[str, Any]] = {}

    def add(self, answer: dict[str, Any], asked: dict[str, Any]) -> None:
        """Keep what is to be executed of a payment that was just made."""
        self.newest = answer["id"]
        if token := answer["payment_token"]:
            what = {name: asked[name] for name in EXECUTED if name in asked}
            self._executions[answer["id"]] = {**what, "payment_token": token}

    def execution(self, payment_id: str) -> dict[str, Any] | None:
        """Return the body that executes a payment, if there is one that was not yet sent."""
        return self._executions.pop(payment_id, None)


def fit(case: Any, made: Made, number: int) -> None:
    """Change a valid body so that it comes past the door to a room.

    Args:
        case: What is about to be sent.
        made: The payments that were made so far.
        number: Of this request alone.
    """
    operation, body = case.operation.label, case.body
    if not isinstance(body, dict):
        return
    if operation == CREATE:
        _fit_payment(body, number)
    elif operation == "POST /v1/payments/{payment_id}/execute":
        case.body = made.execution(case.path_parameters["payment_id"]) or body
    elif operation == "POST /v1/assessments":
        _fit_action(body, number)
    elif operation == "POST /v1/lists/entries":
        _fit_entry(body, number)
    elif operation == "POST /v1/labels":
        body.update(payment_id=made.newest or body["payment_id"], known_at=None)
    elif body.get("url"):
        body["url"] = f"https://127.0.0.1:9/{number}"


def _fit_payment(body: dict[str, Any], number: int) -> None:
    amount = body["amount"]
    body["payer"]["payer_id"] = body["payer"].get("payer_id") or f"payer-{number}"
    body["reference"] = f"reference-{number}"
    amount["value"] = 0 if body["kind"] == "verification" else max(1, amount["value"])
    if body.get("balance_before"):
        body["balance_before"]["currency"] = amount["currency"]
    for name in ("parent_id", "retry_of"):
        body.pop(name, None)


def _fit_action(body: dict[str, Any], number: int) -> None:
    body["payer"]["payer_id"] = body["payer"].get("payer_id") or f"payer-{number}"
    for name, events in BELONGS.items():
        if body["event"] not in events:
            body.pop(name, None)
        elif name in NEEDED:
            body[name] = body.get(name) or copy.deepcopy(NEEDED[name])
    if "changes" in body:
        body["changes"] = sorted(set(body["changes"]))
    if "amount" in body:
        body["amount"]["value"] = max(1, body["amount"]["value"])


def _fit_entry(body: dict[str, Any], number: int) -> None:
    entity = body["entity"]
    body["value"] = {
        "email": f"lin-{number}@example.com",
        "phone": f"+1{2_000_000_000 + number}",
        "ip": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        "bin": str(100_000 + number),
    }.get(entity, "CN" if entity.endswith("_country") else f"{entity}-{number}")
    body.pop("prefix", None)
    if body["kind"] != "block":
        body.pop("strength", None)
