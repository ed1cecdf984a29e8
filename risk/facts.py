"""What judging may know about one payment: plain values only. Holds no clear contact, no secret.

`Facts` is the request, flattened, at one stage. `Circumstances` is what the service adds from its
rows and its exact counters. Both are stored with a receipt, so that a decision can be made again
from them; every field that a request may leave out is None when it does.
"""

import datetime as dt
from typing import Annotated, Final, Literal

import msgspec

from risk.lists import ListHit

Instant = Annotated[dt.datetime, msgspec.Meta(tz=True)]
Minor = Annotated[int, msgspec.Meta(ge=0)]
Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]
Stage = Literal["account", "pre_payment", "in_flight", "post_payment", "payout"]
Action = Literal["login", "sign_up", "account_change", "new_payee"]
Kind = Literal["purchase", "transfer", "withdrawal", "payout", "top_up", "verification"] | Action
ChangeOf = Literal["email", "phone", "address", "password", "factor", "device"]
Outcome = Literal["approve", "challenge", "review", "hold", "decline"]
Forced = Literal["approve", "challenge", "hold", "decline", "degraded"]
Scope = Literal["payer", "instrument", "device"]


# ISO 4217's code for what has no currency: what an account action carries beside the amount 0.
NO_CURRENCY: Final = "XXX"
# What whoever takes an account over changes first; an address takes nobody's account.
CREDENTIALS: Final[frozenset[ChangeOf]] = frozenset(
    {"email", "phone", "password", "factor", "device"}
)


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One payment at one stage, or one account action, as it was told to us.

    Attributes:
        occurred_at: Event time. At `in_flight` the instant of the execution, not of the payment.
        amount_minor: Minor units of `currency`; 0 only for a verification and at `account`.
        payee_id: None only at `account`, for an action that names nobody who is paid.
        payer_key: What stands for the payer in features: the merchant's payer_id, or the
            pseudonym of a guest's e-mail or phone.
        payer_id: The merchant's id; None for a guest.
        email_key, phone_key, ip_keys: Pseudonyms; the last from the widest network to the whole
            address.
        changes: What an account change is of; empty for everything else.
    """

    stage: Stage
    occurred_at: Instant
    kind: Kind
    amount_minor: Minor
    currency: Currency
    payer_key: str
    payee_id: str | None
    initiator: Literal["payer", "merchant"] = "payer"
    amount_is: Literal["exact", "maximum"] = "exact"
    agreement_type: Literal["recurring", "instalment", "unscheduled"] | None = None
    agreement_first: bool | None = None
    parent_id: str | None = None
    retry_of: str | None = None
    instalments: int | None = None
    balance_before_minor: int | None = None
    payer_id: str | None = None
    account_created_at: Instant | None = None
    contact_changed_at: Instant | None = None
    email_key: str | None = None
    phone_key: str | None = None
    payee_type: str | None = None
    payee_account_id: str | None = None
    payee_name_check: str | None = None
    payee_added_at: Instant | None = None
    instrument_id: str | None = None
    instrument_type: str | None = None
    instrument_network: str | None = None
    instrument_funding: str | None = None
    instrument_bin: str | None = None
    instrument_issuer_country: str | None = None
    instrument_billing_country: str | None = None
    instrument_added_at: Instant | None = None
    device_id: str | None = None
    session_id: str | None = None
    platform: str | None = None
    ip_keys: tuple[str, ...] = ()
    ip_country: str | None = None
    language: str | None = None
    timezone: str | None = None
    integrity: str | None = None
    remote_access: bool | None = None
    call_active: bool | None = None
    sign_in: str | None = None
    sign_in_at: Instant | None = None
    order_total_minor: Minor | None = None
    order_currency: Currency | None = None
    order_item_count: int | None = None
    shipping_address_id: str | None = None
    shipping_country: str | None = None
    shipping_method: str | None = None
    entry: str | None = None
    channel: str | None = None
    mcc: str | None = None
    merchant_id: str | None = None
    changes: tuple[ChangeOf, ...] = ()


class Counter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Payments let through without proof since the last proof of level 2.

    Attributes:
        count: How many.
        amount_minor: Their sum, in the currency of the payment being judged.
    """

    count: Minor
    amount_minor: Minor


class Circumstances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the service knows besides the request, by the writer's clock and its rows.

    Whatever is left out is taken as not known, and what is not known never makes a decision milder.

    Attributes:
        preset: Code of the merchant's preset, e.g. `CN`.
        level_proved: Strongest level proved for this payment; 0 none.
        exemption: Code of the exemption under which this payment was approved; None before.
        has_small_consent: The payer's consent to small payments stands, unrevoked.
        is_protected: The payer has a protection profile.
        protected_small_allowed: They or their guardian allowed small payments without proof.
        protected_limit_minor: Their own limit in the payment's currency; None where they set none.
        device_is_known, payee_is_new: By the service's own rows.
        counters: By scope; a scope without its counter cannot be counted.
        spent_today_minor: Level -> sum approved today at that level or below, in the payment's
            currency, without this payment; the day is the preset's.
        static_qr_today_minor: Sum paid today by static codes.
        scorer: `none` where the strategy has no model; `ready`; else why there is no score.
        forced: What a sandbox payee or payer forces; None elsewhere.
        small_limit_minor, merchant_limit_minor: The merchant's own limits while the scorer is
            down; the first can only lower the preset's.
        lists: Entries of the merchant's lists that the payment matches and that are not over.
        lists_version: The last change of those lists before the judgement, as the log names it;
            decides nothing. None where no change is known.
        credentials_changed_at: When the payer's newest change of a credential took effect, as
            this service judged it; None where it knows of none, or was not asked.
    """

    preset: str
    level_proved: Literal[0, 1, 2, 3, 4] = 0
    exemption: str | None = None
    has_small_consent: bool = False
    is_protected: bool = False
    protected_small_allowed: bool = False
    protected_limit_minor: Minor | None = None
    device_is_known: bool = False
    payee_is_new: bool = True
    counters: dict[Scope, Counter] = {}
    spent_today_minor: dict[int, Minor] = {}
    static_qr_today_minor: Minor | None = None
    scorer: Literal["none", "ready", "down", "late"] = "none"
    forced: Forced | None = None
    small_limit_minor: Minor | None = None
    merchant_limit_minor: Minor | None = None
    lists: tuple[ListHit, ...] = ()
    lists_version: str | None = None
    credentials_changed_at: Instant | None = None
