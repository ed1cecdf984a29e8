"""Where clear contacts and addresses end: what a request tells of a payer and device, as kept."""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from service.http.ports import Ports
from service.http.routes import Request
from service.kernel import facts
from service.kernel.errors import FieldError

Kept = TypeVar("Kept")


def payer_kept(
    payer: facts.Payer, request: Request, ports: Ports, errors: list[FieldError]
) -> facts.PayerKept | None:
    """Return a payer as kept: e-mail and phone as pseudonyms; None where nothing names them.

    Args:
        payer: As it was told.
        request: Whose it is.
        ports: Holds the key of pseudonyms.
        errors: Gets what is wrong.
    """
    tenant_id = request.caller.tenant_id
    email_key = _kept(
        payer.email,
        lambda value: pseudonym(ports.pseudonym_key, Kind.EMAIL, value, tenant_id=tenant_id),
        FieldError("/payer/email", "bad_format", "Give one e-mail address."),
        errors,
    )
    phone_key = _kept(
        payer.phone,
        lambda value: pseudonym(ports.pseudonym_key, Kind.PHONE, value, tenant_id=tenant_id),
        FieldError("/payer/phone", "bad_format", "Give one phone number."),
        errors,
    )
    payer_key = payer.payer_id or email_key or phone_key
    if payer_key is None:
        return None
    return facts.PayerKept(
        payer_key=payer_key,
        payer_id=payer.payer_id,
        account_created_at=payer.account_created_at,
        contact_changed_at=payer.contact_changed_at,
        email_key=email_key,
        phone_key=phone_key,
    )


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
