"""What a rule may read: features, facts, circumstances, and what follows from them. One table."""

import datetime as dt
from collections.abc import Callable
from operator import attrgetter
from typing import Any, Final, get_args

import msgspec

from risk.facts import Action, ChangeOf, Circumstances, Facts, Stage
from risk.feature import AT_CREATION, EVERY_STAGE, FeatureSet, Text, Unit
from risk.lists import ListKind
from risk.policy.shapes import Preset
from risk.rules.parser import list_field
from risk.rules.told import TOLD, RuleField, number_field

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
AT_ACCOUNT: Final[tuple[Stage, ...]] = ("account",)
_CHANGES: Final[dict[ChangeOf, str]] = {
    "email": "电子邮箱",
    "phone": "电话号码",
    "address": "地址",
    "password": "密码",
    "factor": "验证方式",
    "device": "设备",
}
_SECOND: Final = dt.timedelta(seconds=1)
_DAY_S: Final = 86_400


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


def _is_changed(what: ChangeOf) -> Derive:
    return lambda facts, _known, _preset: what in facts.changes


def _derived(
    name: str, unit: Unit | None, en: str, zh: str, *, is_optional: bool = True
) -> RuleField:
    told = number_field(name, unit, en, zh, is_optional=is_optional)
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
    "action": lambda facts, _known, _preset: facts.kind,
    **{f"changes_{one}": _is_changed(one) for one in _CHANGES},
    **{
        list_field(kind, entity): _on_list(kind, entity)
        for kind in get_args(ListKind)
        for entity in LISTED
    },
}


# What an account action may tell as well. No feature: features count payments.
_OF_ACTIONS: Final = frozenset(
    {
        *("payer_id", "payee_type", "payee_name_check", "channel", "sign_in", "local_hour"),
        *("instrument_id", "instrument_type", "instrument_network", "instrument_funding"),
        *("instrument_issuer_country", "instrument_billing_country"),
        *("device_id", "platform", "ip_country", "language", "timezone", "integrity"),
        *("remote_access", "call_active", "device_is_known"),
        *("account_age_s", "contact_age_s", "payee_age_s", "instrument_age_s", "sign_in_age_s"),
    }
)
# Of actions alone.
_ACTED: Final = (
    RuleField(
        name="action",
        type="text",
        source="derived",
        stages=AT_ACCOUNT,
        is_optional=False,
        meaning=Text("What is done to the account.", "对账户的操作。"),
        values=get_args(Action),
    ),
    *(
        RuleField(
            name=f"changes_{one}",
            type="flag",
            source="derived",
            stages=AT_ACCOUNT,
            is_optional=False,
            meaning=Text(f"The account change is of the {one}.", f"账户变更涉及{said}。"),
        )
        for one, said in _CHANGES.items()
    ),
)


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
    of_payments = (*TOLD, *_CIRCUMSTANCES, *_DERIVED)
    both = [
        msgspec.structs.replace(one, stages=(*AT_ACCOUNT, *one.stages))
        if one.name in _OF_ACTIONS or ":" in one.name
        else one
        for one in of_payments
    ]
    every = (*found, *both, *_ACTED)
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
