"""What a rule may read: features, facts, circumstances, and what follows from them. One table."""

import datetime as dt
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, Literal, get_args

import msgspec

from risk.facts import Action, Circumstances, Facts, Kind, Stage
from risk.feature import AT_CREATION, EVERY_STAGE, FeatureSet, Text, Unit
from risk.lists import ListKind
from risk.policy.shapes import Preset
from risk.rules.parser import list_field

Type = Literal["number", "text", "flag"]
Source = Literal["feature", "facts", "circumstances", "derived"]
Derive = Callable[[Facts, Circumstances, Preset], int | str | None]
LISTED: Final = (
    "payer",
    "payee",
    "payee_account",
    "instrument",
    "device",
    "email",
    "phone",
    "ip",
    "bin",
    "ip_country",
    "issuer_country",
    "billing_country",
    "shipping_country",
)
# Of payments: an account action has no rules.
KINDS: Final = tuple(
    kind for part in get_args(Kind) for kind in get_args(part) if kind not in get_args(Action)
)
_SECOND: Final = dt.timedelta(seconds=1)
_DAY_S: Final = 86_400


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


def _number(
    name: str, unit: Unit | None, en: str, zh: str, *, is_optional: bool = True
) -> RuleField:
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


def _known(name: str, en: str, zh: str) -> RuleField:
    # Nobody asks for these again at execution: a rule there would read what stands in for them.
    return RuleField(
        name=name,
        type="flag",
        source="circumstances",
        stages=AT_CREATION,
        is_optional=False,
        meaning=Text(en, zh),
    )


# A test compares the closed sets of texts with what the door lets in.
_TOLD: Final = (
    _text("kind", "Kind of the payment.", "付款种类。", values=KINDS, is_optional=False),
    _number("amount_minor", "minor", "Its amount.", "付款金额。", is_optional=False),
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
    _number("instalments", None, "Number of instalments.", "分期期数。"),
    _number(
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
    _number("order_item_count", "values", "Lines of the order.", "订单行数。"),
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
_CIRCUMSTANCES: Final = (
    _known("payee_is_new", "First payment to this payee.", "首次向该收款人付款。"),
    _known("device_is_known", "The payer's device is known.", "付款人的设备为已知设备。"),
    _known("is_protected", "The payer is protected.", "付款人受保护。"),
    _known(
        "has_small_consent",
        "The payer agreed to small payments without proof.",
        "付款人同意小额免验证付款。",
    ),
)


def _since(attribute: str) -> Derive:
    """Return what gives the seconds since an instant; none while it lies ahead of the payment."""
    read = attrgetter(attribute)

    def seconds(facts: Facts, _known: Circumstances, _preset: Preset) -> int | None:
        at = read(facts)
        return None if at is None else max(0, (facts.occurred_at - at) // _SECOND)

    return seconds


def _balance_share(facts: Facts, _known: Circumstances, _preset: Preset) -> int | None:
    balance = facts.balance_before_minor
    return None if balance is None or balance <= 0 else 1_000 * facts.amount_minor // balance


def _exemption_limit(facts: Facts, _known: Circumstances, preset: Preset) -> int | None:
    limits = preset.limits.get(facts.currency)
    if limits is None or limits.exemption is None:
        return None
    return limits.exemption.amount_minor_max


def _local_hour(facts: Facts, _known: Circumstances, preset: Preset) -> int:
    local = facts.occurred_at.astimezone(dt.UTC) + dt.timedelta(minutes=preset.day_offset_minutes)
    return local.hour


def _on_list(kind: ListKind, entity: str) -> Derive:
    def is_on(_facts: Facts, known: Circumstances, _preset: Preset) -> bool:
        return any(hit.kind == kind and hit.entity == entity for hit in known.lists)

    return is_on


def _derived(
    name: str, unit: Unit | None, en: str, zh: str, *, is_optional: bool = True
) -> RuleField:
    told = _number(name, unit, en, zh, is_optional=is_optional)
    return msgspec.structs.replace(told, source="derived")


_DERIVED: Final = (
    _derived("account_age_s", "seconds", "Age of the payer's account.", "付款人账户的时长。"),
    _derived(
        "contact_age_s",
        "seconds",
        "Time since the payer's contacts changed.",
        "距付款人联系方式变更的时间。",
    ),
    _derived("payee_age_s", "seconds", "Time since the payee was added.", "距添加收款人的时间。"),
    _derived(
        "instrument_age_s",
        "seconds",
        "Time since the instrument was added.",
        "距绑定支付工具的时间。",
    ),
    _derived("sign_in_age_s", "seconds", "Time since the payer signed in.", "距付款人登录的时间。"),
    _derived(
        "balance_share",
        "thousandths",
        "Thousandths of the balance that the payment takes.",
        "付款占账户余额的千分比。",
    ),
    _derived(
        "exemption_limit_minor",
        "minor",
        "Limit of one payment without proof under the merchant's preset.",
        "商户预设中单笔免验证限额。",
    ),
    _derived(
        "local_hour",
        None,
        "Hour of the day, 0 to 23, in the preset's time zone.",
        "预设时区内的小时, 0至23。",
        is_optional=False,
    ),
    *(
        RuleField(
            name=list_field(kind, entity),
            type="flag",
            source="derived",
            stages=EVERY_STAGE,
            is_optional=False,
            meaning=Text(f"On a {kind} list: {entity}.", f"名单 {kind}: {entity}。"),
        )
        for kind in get_args(ListKind)
        for entity in LISTED
    ),
)
_DERIVE: Final[dict[str, Derive]] = {
    "account_age_s": _since("account_created_at"),
    "contact_age_s": _since("contact_changed_at"),
    "payee_age_s": _since("payee_added_at"),
    "instrument_age_s": _since("instrument_added_at"),
    "sign_in_age_s": _since("sign_in_at"),
    "balance_share": _balance_share,
    "exemption_limit_minor": _exemption_limit,
    "local_hour": _local_hour,
    **{
        list_field(kind, entity): _on_list(kind, entity)
        for kind in get_args(ListKind)
        for entity in LISTED
    },
}


class Fields(msgspec.Struct, frozen=True):
    """All that rules may read beside one set of features, by name."""

    by_name: dict[str, RuleField]
    features: tuple[str, ...]


def make_fields(features: FeatureSet) -> Fields:
    """Return every name that a rule may hold."""
    found = [
        RuleField(
            name=one.name,
            type="number",
            source="feature",
            stages=one.stages,
            is_optional=True,
            meaning=Text(one.meaning.en, one.meaning.zh),
            unit=one.unit,
        )
        for one in features.features
    ]
    every = (*found, *_TOLD, *_CIRCUMSTANCES, *_DERIVED)
    return Fields(by_name={one.name: one for one in every}, features=features.names)


Read = Callable[[Facts, Circumstances, Preset], tuple[Any, ...]]


def make_read(names: tuple[str, ...], fields: Fields) -> Read:
    """Return what gathers these values, none of them a feature, in this order."""
    by_source: dict[str, list[str]] = {"facts": [], "circumstances": [], "derived": []}
    for name in names:
        by_source[fields.by_name[name].source].append(name)
    told = _getter(by_source["facts"])
    known = _getter(by_source["circumstances"])
    derive = tuple(_DERIVE[name] for name in by_source["derived"])

    def read(facts: Facts, circumstances: Circumstances, preset: Preset) -> tuple[Any, ...]:
        return (
            *told(facts),
            *known(circumstances),
            *[one(facts, circumstances, preset) for one in derive],
        )

    return read


def reading_order(names: set[str], fields: Fields) -> tuple[str, ...]:
    """Return names in the order in which `make_read` gathers them; features are left out."""
    order = {"facts": 0, "circumstances": 1, "derived": 2}
    kept = [name for name in names if fields.by_name[name].source != "feature"]
    return tuple(sorted(kept, key=lambda name: (order[fields.by_name[name].source], name)))


def _getter(names: list[str]) -> Callable[[Any], tuple[Any, ...]]:
    if not names:
        return lambda _value: ()
    if len(names) == 1:
        read = attrgetter(names[0])
        return lambda value: (read(value),)
    return attrgetter(*names)
