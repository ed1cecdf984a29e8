"""From a request to its command: what identifies a person is kept as pseudonyms alone."""

import msgspec

from service.http.contacts import device_kept, payer_kept
from service.http.ports import Ports
from service.http.problems import BODY_INVALID
from service.http.routes import Request
from service.kernel.errors import Refusal
from service.rooms.payments.contract import (
    REPLAY_SCOPE,
    CreatePaymentRequest,
    PaymentFacts,
    rule_errors,
)


def payment_facts(request: Request, ports: Ports) -> PaymentFacts:
    """Return a payment as it is kept; its clear e-mail, phone and address end here.

    Raises:
        Refusal: BODY_INVALID, with everything that is wrong between the fields.
    """
    body: CreatePaymentRequest = request.body
    errors = list(rule_errors(body))
    payer = payer_kept(body.payer, request, ports, errors)
    device = None
    if body.device is not None:
        device = device_kept(body.device, request, ports, errors)
    if errors:
        raise Refusal(BODY_INVALID, errors=tuple(errors))
    assert payer is not None, "rule_errors asks for one of the three"
    told = msgspec.structs.asdict(body)
    is_replayed = REPLAY_SCOPE in request.caller.scopes
    return PaymentFacts(**{**told, "payer": payer, "device": device}, is_replayed=is_replayed)
