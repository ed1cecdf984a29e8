"""Features of one e-mail address. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "email",
        "count",
        "24h",
        en="How many payments involved this e-mail address in the last 24 hours.",
        zh="过去24小时内涉及该电子邮箱的付款笔数。",
    ),
    declare(
        "email",
        "distinct",
        "24h",
        of="instrument",
        en="How many different instruments appeared with this e-mail address in"
        " the last 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该电子邮箱一同出现的不同支付工具数量。65表示超过64个。",
    ),
    declare(
        "email",
        "distinct",
        "24h",
        of="issuer_country",
        en="From how many different countries the issuers of cards with this e-mail address were"
        " in the last 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该电子邮箱一同出现的发卡行所属不同国家或地区数量。65表示超过64个。",
    ),
    declare(
        "email",
        "sum",
        "24h",
        en="Sum of payments that involved this e-mail address in the last 24 hours, in this"
        " payment's currency.",
        zh="过去24小时内涉及该电子邮箱、以本次付款币种计的付款总额。",
    ),
)
