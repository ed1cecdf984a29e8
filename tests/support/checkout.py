"""What a shop sends: payments, executions, payers; and the usual ways through them."""

import datetime as dt
from typing import Any

from service.kernel.clock import SystemClock
from tests.support.clients import Answer, Client, a_key


def a_payment(reference: str, **given: Any) -> dict[str, Any]:
    """Return the body of a payment of now; what is given replaces what it says otherwise."""
    return {
        "kind": "purchase",
        "occurred_at": SystemClock().now().isoformat(),
        "amount": {"value": 38_000, "currency": "CNY"},
        "payer": {"payer_id": f"payer-{reference}"},
        "payee": {"payee_id": "p_77"},
        "device": {"device_id": f"device-{reference}"},
        "reference": reference,
        **given,
    }


def a_small_payment(reference: str, payer: str, *, device: str = "", value: int = 9_999) -> Any:
    """Return a payment that the exemption of preset CN may count; see `register`."""
    added_at = SystemClock().now() - dt.timedelta(days=90)
    return a_payment(
        reference,
        amount={"value": value, "currency": "CNY"},
        payer={"payer_id": payer},
        payee={"payee_id": "p_77", "added_at": added_at.isoformat()},
        device={"device_id": device or f"device-{payer}"},
        instrument={"instrument_id": f"instrument-{payer}", "type": "card"},
    )


def register(client: Client, payer: str, *, device: str = "") -> None:
    """Register a payer who consented to small payments, with a device of theirs."""
    since = SystemClock().now() - dt.timedelta(days=90)
    known = {"device_id": device or f"device-{payer}", "since": since.isoformat()}
    body = {
        "payer_id": payer,
        "consent": {"small_payments": True},
        "known_devices": [known],
    }
    answer = client.post("/v1/payers", body)
    assert answer.status == 200, answer


def an_execution(body: dict[str, Any], token: str) -> dict[str, Any]:
    """Return the body that executes a payment as it was judged."""
    same = {name: body[name] for name in ("amount", "payee", "instrument", "device", "order")
            if name in body}  # fmt: skip
    return {"payment_token": token, **same}


def create(client: Client, body: dict[str, Any], *, once: str = "") -> Answer:
    """Create a payment, which must succeed; patient with a writer that is away."""
    answer = client.post_for_sure("/v1/payments", body, once=once or a_key())
    assert answer.status == 201, answer
    return answer


def execute(client: Client, created: Answer, body: dict[str, Any], *, once: str = "") -> Answer:
    """Execute a payment with the token that its creation answered; patient as well."""
    path = f"/v1/payments/{created.body['id']}/execute"
    execution = an_execution(body, created.body["payment_token"])
    return client.post_for_sure(path, execution, once=once or a_key())
