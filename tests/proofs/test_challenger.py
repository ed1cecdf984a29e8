"""As soon as labels carry a model the worker learns one; an operator signs it, and it judges."""

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from risk.models.container import unpack
from service.db.places import Database
from service.kernel.clock import SystemClock
from service.unit_of_work.commands import Mode
from tests.support.checkout import a_payment
from tests.support.clients import Client
from tests.support.scored import activation, bring, with_model
from tests.support.servers import SCOPES, Service

pytestmark = [pytest.mark.servers, pytest.mark.long]

PAYMENTS, FRAUDS_EVERY = 500, 5
SINCE = dt.timedelta(hours=20)
PATIENCE_S = 120.0
GIVEN = (*SCOPES, "labels:write", "assessments:explain")


def pay(client: Client, number: int, value: int, at: dt.datetime) -> Any:
    body = a_payment(
        f"no-{number}",
        amount={"value": value, "currency": "CNY"},
        payer={"payer_id": f"c-{number % 60}"},
        device={"device_id": f"d-{number % 60}"},
        occurred_at=at.isoformat(),
    )
    answer = client.post("/v1/payments", body)
    assert answer.status == 201, answer.body
    return answer.body


def label(client: Client, payment_id: str, at: dt.datetime) -> None:
    body = {
        "payment_id": payment_id,
        "intent": "unauthorized",
        "source": "desk",
        "external_id": payment_id,
        "known_at": at.isoformat(),
    }
    assert client.post("/v1/labels", body).status == 201


def learnt(folder: Path) -> dict[str, Any]:
    """Return what is said of the model once there is one; a first look may come too early."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        said = [json.loads(one.read_bytes()) for one in folder.glob("*.json")]
        if said and said[0]["model"] is not None:
            found: dict[str, Any] = said[0]
            return found
        assert time.monotonic() < ends, said
        time.sleep(0.1)


def test_labels_that_carry_a_model_make_a_challenger_which_an_operator_takes(
    tmp_path: Path, fresh_database: Database | None
) -> None:
    chance = np.random.default_rng(20_261_129)
    began = SystemClock().now() - SINCE
    # What a sandbox teaches judges no live merchant, so that its model is marked.
    mode: Mode
    mode, origin = ("live", "trained") if fresh_database is None else ("sandbox", "simulated")
    settings = {"CHALLENGER_EVERY_S": 1}
    with Service(tmp_path / "data", database=fresh_database, settings=settings) as service:
        folder = service.settings.models / "challengers"
        shop = service.shop(modes=(mode,), scopes=GIVEN)
        with service.client(shop, mode) as client:
            for number in range(PAYMENTS):
                is_fraud = number % FRAUDS_EVERY == 0
                # Larger as a rule, so that amounts tell something and not everything.
                value = int(np.exp(chance.normal(10.5 if is_fraud else 9.0, 0.6)))
                at = began + number * dt.timedelta(minutes=2)
                made = pay(client, number, value, at)
                if is_fraud:
                    label(client, made["id"], at + dt.timedelta(minutes=1))
        said = learnt(folder)
        assert said["why_not"] is None
        assert (said["merchant_id"], said["mode"]) == (shop.merchant_id, mode)
        assert 80 <= said["frauds"]["unauthorized"] <= PAYMENTS // FRAUDS_EVERY
        assert said["validated"]["unauthorized"] > 0.5
        file = Path(said["file"]).read_bytes()
        manifest = unpack(file).manifest
        assert manifest.origin == origin
        # Nobody said of any payment that it was normal.
        assert manifest.typical[manifest.inputs.index("amount_minor")] is not None

        # Nothing is judged by it before an operator added it and a strategy names it.
        model_id = bring(service, file)
        assert model_id == said["model"]
        service.do(activation(service, 2, with_model(file)))
        with service.client(shop, mode) as client:
            large, small = (
                pay(client, PAYMENTS + place, value, SystemClock().now())["assessment"]
                for place, value in enumerate((90_000, 3_000))
            )

    assert large["explanation"]["model"] == model_id
    # How well it ranks was validated above; two payments tell nothing of that.
    assert None not in (large["score"], small["score"])
