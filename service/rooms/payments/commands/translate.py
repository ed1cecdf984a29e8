"""The one translator from a payment's facts to what risk judges. Pure; decides nothing."""

import datetime as dt
from typing import Any

from risk.facts import Facts, Forced, Stage
from service.kernel import facts as kernel
from service.kernel.money import Amount
from service.rooms.payments.contract import PaymentFacts

FORCED: dict[str, Forced] = {
    "test:approve": "approve",
    "test:challenge": "challenge",
    "test:hold": "hold",
    "test:decline": "decline",
    "test:degraded": "degraded",
}


def judged_facts(
    told: PaymentFacts,
    *,
    stage: Stage,
    occurred_at: dt.datetime,
    amount: Amount,
    merchant_id: str | None,
) -> Facts:
    """Return a payment's facts at a stage, flattened, as risk takes them.

    Args:
        told: The payment as it is kept.
        stage: When it is judged.
        occurred_at: Event time of that stage.
        amount: What is judged: what was requested, or what is really executed.
        merchant_id: Who asks.
    """
    return Facts(
        stage=stage,
        occurred_at=occurred_at,
        kind=told.kind,
        amount_minor=amount.value,
        currency=amount.currency,
        initiator=told.initiator,
        amount_is=told.amount_is,
        parent_id=told.parent_id,
        retry_of=told.retry_of,
        instalments=told.instalments,
        balance_before_minor=told.balance_before.value if told.balance_before else None,
        entry=told.entry,
        channel=told.channel,
        mcc=told.mcc,
        merchant_id=merchant_id,
        **_people(told),
        **_means(told),
        **_purchase(told),
    )


def _people(told: PaymentFacts) -> dict[str, Any]:
    payee, payer = told.payee, told.payer
    signed_in = told.authentication or kernel.Authentication()
    return {
        "payer_key": payer.payer_key,
        "payer_id": payer.payer_id,
        "account_created_at": payer.account_created_at,
        "contact_changed_at": payer.contact_changed_at,
        "email_key": payer.email_key,
        "phone_key": payer.phone_key,
        "payee_id": payee.payee_id,
        "payee_type": payee.type,
        "payee_account_id": payee.account,
        "payee_name_check": payee.name_check,
        "payee_added_at": payee.added_at,
        "sign_in": signed_in.sign_in,
        "sign_in_at": signed_in.at,
    }


def _means(told: PaymentFacts) -> dict[str, Any]:
    """Return what pays and from where."""
    instrument = told.instrument or kernel.Instrument()
    device = told.device or kernel.DeviceKept()
    return {
        "instrument_id": instrument.instrument_id,
        "instrument_type": instrument.type,
        "instrument_network": instrument.network,
        "instrument_funding": instrument.funding,
        "instrument_bin": instrument.bin,
        "instrument_issuer_country": instrument.issuer_country,
        "instrument_billing_country": instrument.billing_country,
        "instrument_added_at": instrument.added_at,
        "device_id": device.device_id,
        "session_id": device.session_id,
        "platform": device.platform,
        "ip_keys": device.ip_keys,
        "ip_country": device.ip_country,
        "language": device.language,
        "timezone": device.timezone,
        "integrity": device.integrity,
        "remote_access": device.remote_access,
        "call_active": device.call_active,
    }


def _purchase(told: PaymentFacts) -> dict[str, Any]:
    """Return what is bought, and under which agreement."""
    agreement = told.agreement
    order = told.order or kernel.Order()
    shipping = order.shipping or kernel.Shipping()
    return {
        "agreement_type": agreement.type if agreement else None,
        "agreement_first": agreement.first if agreement else None,
        "order_total_minor": order.total.value if order.total else None,
        "order_currency": order.total.currency if order.total else None,
        "order_item_count": len(order.items or ()) if told.order else None,
        "shipping_address_id": shipping.address_id,
        "shipping_country": shipping.country,
        "shipping_method": shipping.method,
    }
