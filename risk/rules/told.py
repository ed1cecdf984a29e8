"""What a payment tells, as fields that rules may read. Reads no payment."""

from typing import Final, Literal, get_args

import msgspec

from risk.facts import Action, Kind, Stage
from risk.feature import EVERY_STAGE, Text, Unit

Type = Literal["number", "text", "flag"]
Source = Literal["feature", "facts", "circumstances", "derived"]
# Of payments; an account action has `action` in its place.
KINDS: Final = tuple(
    kind for part in get_args(Kind) for kind in get_args(part) if kind not in get_args(Action)
)


class RuleField(msgspec.Struct, frozen=True, kw_only=True):
    """One name that an expression may hold.

    Attributes:
        unit: Of a number; None where it has none.
        stages: Where it can be known at all.
        is_optional: A payment may be without it.
        values: The only texts that it can have; empty where any is possible.
    """

    name: str
    type: Type
    source: Source
    stages: tuple[Stage, ...]
    is_optional: bool
    meaning: Text
    unit: Unit | None = None
    values: tuple[str, ...] = ()


def _text(
    name: str, en: str, zh: str, *, values: tuple[str, ...] = (), is_optional: bool = True
) -> RuleField:
    return RuleField(
        name=name,
        type="text",
        source="facts",
        stages=EVERY_STAGE,
        is_optional=is_optional,
        meaning=Text(en, zh),
        values=values,
    )


def number_field(
    name: str, unit: Unit | None, en: str, zh: str, *, is_optional: bool = True
) -> RuleField:
    """Return a number that every payment may tell."""
    return RuleField(
        name=name,
        type="number",
        source="facts",
        stages=EVERY_STAGE,
        is_optional=is_optional,
        meaning=Text(en, zh),
        unit=unit,
    )


def _flag(name: str, en: str, zh: str) -> RuleField:
    return RuleField(
        name=name,
        type="flag",
        source="facts",
        stages=EVERY_STAGE,
        is_optional=True,
        meaning=Text(en, zh),
    )


# A test compares the closed sets of texts with what the door lets in.
TOLD: Final = (
    _text("kind", "Kind of the payment.", "付款种类。", values=KINDS, is_optional=False),
    number_field("amount_minor", "minor", "Its amount.", "付款金额。", is_optional=False),
    _text("currency", "Its currency, ISO 4217.", "付款币种。", is_optional=False),
    _text(
        "initiator",
        "Who started it.",
        "由谁发起。",
        values=("payer", "merchant"),
        is_optional=False,
    ),
    _text(
        "amount_is",
        "Whether the amount is exact or a maximum.",
        "金额为确数还是上限。",
        values=("exact", "maximum"),
        is_optional=False,
    ),
    _text(
        "agreement_type",
        "Kind of the payer's agreement.",
        "付款人协议的种类。",
        values=("recurring", "instalment", "unscheduled"),
    ),
    _flag("agreement_first", "First payment under the agreement.", "协议下的首笔付款。"),
    _text("retry_of", "The payment that this one tries again.", "本次重试的原付款。"),
    number_field("instalments", None, "Number of instalments.", "分期期数。"),
    number_field(
        "balance_before_minor",
        "minor",
        "Balance of the account before the payment.",
        "付款前的账户余额。",
    ),
    _text("payer_id", "The merchant's id of the payer.", "商户方的付款人编号。"),
    _text("payee_id", "The payee's id.", "收款人编号。", is_optional=False),
    _text(
        "payee_type",
        "What the payee is.",
        "收款人类型。",
        values=("merchant", "organisation", "person", "self"),
    ),
    _text(
        "payee_name_check",
        "What the payee's bank said of name and account.",
        "收款行对户名与账号的核对结果。",
        values=("match", "close_match", "no_match", "unavailable"),
    ),
    _text("instrument_id", "The instrument's id.", "支付工具编号。"),
    _text(
        "instrument_type",
        "What the instrument is.",
        "支付工具类型。",
        values=("card", "account", "wallet"),
    ),
    _text("instrument_network", "The card's network.", "卡组织。"),
    _text(
        "instrument_funding",
        "How a card is funded.",
        "卡的资金类型。",
        values=("debit", "credit", "prepaid", "charge"),
    ),
    _text("instrument_issuer_country", "Country of the issuer.", "发卡行所在国家或地区。"),
    _text("instrument_billing_country", "Country of the bill.", "账单国家或地区。"),
    _text("device_id", "The device's id.", "设备编号。"),
    _text(
        "platform",
        "The device's platform.",
        "设备平台。",
        values=("android", "ios", "harmonyos", "windows", "macos", "linux", "other"),
    ),
    _text("ip_country", "Country of the network address.", "网络地址所在国家或地区。"),
    _text("language", "The device's language.", "设备语言。"),
    _text("timezone", "The device's time zone.", "设备时区。"),
    _text(
        "integrity",
        "What the check of the app and device said.",
        "应用与设备完整性检查结果。",
        values=("passed", "failed", "unavailable"),
    ),
    _flag("remote_access", "The device is controlled from elsewhere.", "设备正被远程控制。"),
    _flag("call_active", "A call is under way on the device.", "设备正在通话。"),
    _text(
        "sign_in",
        "How the payer signed in.",
        "付款人的登录方式。",
        values=("none", "password", "otp", "passkey", "biometric", "federated", "other"),
    ),
    number_field("order_item_count", "values", "Lines of the order.", "订单行数。"),
    _text("shipping_country", "Country of delivery.", "收货国家或地区。"),
    _text("shipping_method", "How it is delivered.", "配送方式。"),
    _text(
        "entry",
        "How the payment was begun.",
        "付款入口。",
        values=("web", "app", "qr_static", "qr_dynamic", "payer_code", "link", "phone"),
    ),
    _text("channel", "The merchant's channel.", "商户渠道。"),
    _text("mcc", "Merchant category code.", "商户类别码。"),
)
