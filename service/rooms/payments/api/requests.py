"""From a request to its command: pseudonyms for contacts and addresses, rules between fields."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from service.http.ports import Ports
from service.http.problems import BODY_INVALID
from service.http.routes import Request
from service.kernel import facts
from service.kernel.errors import FieldError, Refusal
from service.rooms.payments.contract import (
    REPLAY_SCOPE,
    CreatePaymentRequest,
    PaymentFacts,
    rule_errors,
)

Kept = TypeVar("Kept")


def payment_facts(request: Request, ports: Ports) -> PaymentFacts:
    """Return a payment as it is kept; its clear e-mail, phone and address end here.

    Raises:
        Refusal: BODY_INVALID, with everything that is wrong between the fields.
    """
    body: CreatePaymentRequest = request.body
    errors = list(rule_errors(body))
    tenant_id = request.caller.tenant_id
    email_key = _kept(
        body.payer.email,
        lambda value: pseudonym(ports.pseudonym_key, Kind.EMAIL, value, tenant_id=tenant_id),
        FieldError("/payer/email", "bad_format", "Give one e-mail address."),
        errors,
    )
    phone_key = _kept(
        body.payer.phone,
        lambda value: pseudonym(ports.pseudonym_key, Kind.PHONE, value, tenant_id=tenant_id),
        FieldError("/payer/phone", "bad_format", "Give one phone number."),
        errors,
    )
    device = None
    if body.device is not None:
        device = device_kept(body.device, request, ports, errors)
    if errors:
        raise Refusal(BODY_INVALID, errors=tuple(errors))
    payer_key = body.payer.payer_id or email_key or phone_key
    assert payer_key is not None, "rule_errors asks for one of the three"
    payer = facts.PayerKept(
        payer_key=payer_key,
        payer_id=body.payer.payer_id,
        account_created_at=body.payer.account_created_at,
        contact_changed_at=body.payer.contact_changed_at,
        email_key=email_key,
        phone_key=phone_key,
    )
    told = msgspec.structs.asdict(body)
    is_replayed = REPLAY_SCOPE in request.caller.scopes
    return PaymentFacts(**{**told, "payer": payer, "device": device}, is_replayed=is_replayed)


def device_kept(
    device: facts.Device, request: Request, ports: Ports, errors: list[FieldError]
) -> facts.DeviceKept:
    """Return a device as it is kept: its address as pseudonyms, widest network first.

    Args:
        device: As it was told.
        request: Whose it is.
        ports: Holds the key of pseudonyms.
        errors: Gets what is wrong.
    """
    tenant_id = request.caller.tenant_id
    ip_keys = _kept(
        device.ip,
        lambda value: ip_pseudonyms(ports.pseudonym_key, value, tenant_id=tenant_id),
        FieldError("/device/ip", "bad_format", "Give an IPv4 or IPv6 address."),
        errors,
    )
    told = msgspec.structs.asdict(device)
    del told["ip"]
    return facts.DeviceKept(**told, ip_keys=ip_keys or ())


def _kept(
    value: str | None,
    keep: Callable[[str], Kept],
    wrong: FieldError,
    errors: list[FieldError],
) -> Kept | None:
    if value is None:
        return None
    try:
        return keep(value)
    except ValueError:
        errors.append(wrong)
        return None
