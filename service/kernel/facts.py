"""What a merchant tells about the people, things and places around a payment or account action.

The blocks are the same on the wire of payments and of assessments, and in what is stored. Holds
no rule between fields and no clear contact: what identifies a person is added by the contract
that takes it, and leaves the door as a pseudonym.
"""

import datetime as dt
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from service.kernel.money import Amount, Instant

NAME_CHARS_MAX: Final = 64
TEXT_CHARS_MAX: Final = 140
USER_AGENT_CHARS_MAX: Final = 512
TOKEN_CHARS_MAX: Final = 4_096
ITEMS_MAX: Final = 100
QUANTITY_MAX: Final = 1_000_000
INSTALMENTS_MAX: Final = 120
METADATA_MAX: Final = 20
METADATA_KEY_CHARS_MAX: Final = 40
METADATA_VALUE_CHARS_MAX: Final = 500
IP_PREFIXES: Final = 4
EXTERNAL_ID_CHARS_MAX: Final = 128
# What happened may be told a day late, and a clock may be two minutes fast.
LATE_MAX: Final = dt.timedelta(hours=24)
EARLY_MAX: Final = dt.timedelta(minutes=2)

# `(?![\s\S])` is the end of the text in Python and in ECMA 262 alike; Python's `$`, which
# msgspec uses, lets a newline follow.
Name: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[ -~]{1,64}(?![\s\S])",
        min_length=1,
        max_length=NAME_CHARS_MAX,
        description="The merchant's own id: 1 to 64 printable ASCII characters.",
    ),
]
Code: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,31}(?![\s\S])", min_length=1, max_length=32),
]
Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=TEXT_CHARS_MAX)]
Country: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Z]{2}(?![\s\S])", max_length=2, description="ISO 3166-1 alpha-2."),
]
Language: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,3}(?![\s\S])",
        max_length=35,
        description="BCP 47.",
    ),
]
Timezone: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9_+/-]{1,64}(?![\s\S])", max_length=64, description="IANA name."
    ),
]
MerchantCategory: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{4}(?![\s\S])", max_length=4, description="ISO 18245.")
]
Bin: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{6,8}(?![\s\S])", min_length=6, max_length=8)
]
NetworkTransactionId: TypeAlias = Annotated[
    str,
    msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,64}(?![\s\S])", min_length=1, max_length=64),
]
Eci: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{1,2}(?![\s\S])", min_length=1, max_length=2)
]
ExternalId: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[ -~]{1,128}(?![\s\S])", min_length=1, max_length=EXTERNAL_ID_CHARS_MAX
    ),
]
Metadata: TypeAlias = Annotated[
    dict[
        Annotated[str, msgspec.Meta(min_length=1, max_length=METADATA_KEY_CHARS_MAX)],
        Annotated[str, msgspec.Meta(max_length=METADATA_VALUE_CHARS_MAX)],
    ],
    msgspec.Meta(max_length=METADATA_MAX),
]
EventData: TypeAlias = Annotated[
    dict[str, Any],
    msgspec.Meta(
        max_length=50,
        description="Any JSON without NUL, kept as it is; whole numbers have at most 64 bits.",
    ),
]

Stage = Literal["account", "pre_payment", "in_flight", "post_payment", "payout"]
Outcome = Literal["approve", "challenge", "review", "hold", "decline"]
RiskLevel = Literal["low", "medium", "high", "very_high"]
Liability = Literal["merchant", "provider"]
Level: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=4)]
Kind = Literal["purchase", "transfer", "withdrawal", "payout", "top_up", "verification"]
ChangeOf = Literal["email", "phone", "address", "password", "factor", "device"]
Entry = Literal["web", "app", "qr_static", "qr_dynamic", "payer_code", "link", "phone"]
# What may be reported about a payment later, by /events.
EventType = Literal[
    "authorized",
    "refused",
    "not_sent",
    "captured",
    "settled",
    "reversed",
    "shipped",
    "delivered",
    "destination_changed",
    "returned",
    "refund_requested",
    "refunded",
    "payout_requested",
    "early_fraud_warning",
    "dispute_opened",
    "dispute_closed",
    "scam_claim",
    "customer_confirmed",
    "customer_denied",
]


class Block(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Base of all facts: strict about names; what was not told is left out where it is kept."""


class Agreement(Block, frozen=True, kw_only=True):
    """A payer's standing consent under which a merchant may start payments."""

    id: Name
    type: Literal["recurring", "instalment", "unscheduled"]
    first: bool | None = None
    network_transaction_id: NetworkTransactionId | None = None


class Payee(Block, frozen=True, kw_only=True):
    """Who is paid; `name_check` is what the payee's bank said about name and account."""

    payee_id: Name
    type: Literal["merchant", "organisation", "person", "self"] | None = None
    name: Text | None = None
    account: Name | None = None
    name_check: Literal["match", "close_match", "no_match", "unavailable"] | None = None
    added_at: Instant | None = None


class Instrument(Block, frozen=True, kw_only=True):
    """What pays, by its vault token or the merchant's id; never a card number."""

    instrument_id: Name | None = None
    type: Literal["card", "account", "wallet"] | None = None
    network: Code | None = None
    funding: Literal["debit", "credit", "prepaid", "charge"] | None = None
    bin: Bin | None = None
    issuer_country: Country | None = None
    billing_country: Country | None = None
    added_at: Instant | None = None


class DeviceSeen(Block, frozen=True, kw_only=True):
    """The payer's device without its address."""

    device_id: Name | None = None
    session_id: Name | None = None
    platform: (
        Literal["android", "ios", "harmonyos", "windows", "macos", "linux", "other"] | None
    ) = None
    user_agent: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=USER_AGENT_CHARS_MAX)] | None
    ) = None
    ip_country: Country | None = None
    language: Language | None = None
    timezone: Timezone | None = None
    integrity: Literal["passed", "failed", "unavailable"] | None = None
    remote_access: bool | None = None
    call_active: bool | None = None


class Device(DeviceSeen, frozen=True, kw_only=True):
    """The payer's device as it is told to us."""

    ip: (
        Annotated[
            str,
            msgspec.Meta(pattern=r"^[0-9A-Fa-f.:]{2,45}(?![\s\S])", min_length=2, max_length=45),
        ]
        | None
    ) = None


class DeviceKept(DeviceSeen, frozen=True, kw_only=True):
    """The payer's device as it is kept: networks and address as pseudonyms, widest first."""

    ip_keys: Annotated[tuple[Name, ...], msgspec.Meta(max_length=IP_PREFIXES)] = ()


class ThreeDS(Block, frozen=True, kw_only=True):
    """The issuer's proof as the merchant's 3-D Secure server got it."""

    version: Annotated[str, msgspec.Meta(pattern=r"^2\.[0-9](?:\.[0-9])?(?![\s\S])", max_length=5)]
    trans_status: Literal["Y", "N", "U", "A", "C", "D", "R", "I", "S"]
    eci: Eci | None = None
    cavv: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^[A-Za-z0-9+/]{26,38}={0,2}(?![\s\S])", min_length=28, max_length=40
            ),
        ]
        | None
    ) = None
    ds_transaction_id: (
        Annotated[
            str,
            msgspec.Meta(pattern=r"^[0-9A-Fa-f-]{36}(?![\s\S])", min_length=36, max_length=36),
        ]
        | None
    ) = None


class Authentication(Block, frozen=True, kw_only=True):
    """How the payer signed in at the merchant, and a 3-D Secure proof where there is one."""

    sign_in: (
        Literal["none", "password", "otp", "passkey", "biometric", "federated", "other"] | None
    ) = None
    at: Instant | None = None
    three_ds: ThreeDS | None = None


class Item(Block, frozen=True, kw_only=True):
    """One line of an order."""

    sku: Text
    quantity: Annotated[int, msgspec.Meta(ge=1, le=QUANTITY_MAX)]
    amount: Amount
    category: Text | None = None


class Shipping(Block, frozen=True, kw_only=True):
    """Where an order goes, by the id of its address."""

    address_id: Name | None = None
    country: Country | None = None
    method: Code | None = None


class Order(Block, frozen=True, kw_only=True):
    """What is bought; `quote` is a signed price that we verify."""

    order_id: Name | None = None
    total: Amount | None = None
    items: Annotated[tuple[Item, ...], msgspec.Meta(max_length=ITEMS_MAX)] | None = None
    shipping: Shipping | None = None
    quote: (
        Annotated[
            str,
            msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]+(?![\s\S])", max_length=TOKEN_CHARS_MAX),
        ]
        | None
    ) = None


class PersonSeen(Block, frozen=True, kw_only=True):
    """A payer without their contacts."""

    payer_id: Name | None = None
    account_created_at: Instant | None = None
    contact_changed_at: Instant | None = None


class Payer(PersonSeen, frozen=True, kw_only=True):
    """A payer as told to us: one of payer_id, email and phone is needed."""

    email: Annotated[str, msgspec.Meta(min_length=3, max_length=320)] | None = None
    phone: Annotated[str, msgspec.Meta(min_length=4, max_length=64)] | None = None


class PayerKept(PersonSeen, frozen=True, kw_only=True):
    """A payer as kept: contacts are pseudonyms.

    Attributes:
        payer_key: What stands for the payer in features: payer_id, or a guest's pseudonym.
    """

    payer_key: Name
    email_key: Name | None = None
    phone_key: Name | None = None


class EventResult(Block, frozen=True, kw_only=True):
    """What a processor said, in our words beside its own codes."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    category: Literal["soft", "hard", "fraud", "authentication_required"] | None = None
    avs: Annotated[str, msgspec.Meta(min_length=1, max_length=8)] | None = None
    cvc: Annotated[str, msgspec.Meta(min_length=1, max_length=8)] | None = None
    eci: Eci | None = None
    network_transaction_id: NetworkTransactionId | None = None
    authorization_expires_at: Instant | None = None
