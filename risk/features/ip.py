"""Features of one IP address. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "ip",
        "count",
        "1h",
        en="How many payments involved this IP address in the last hour.",
        zh="过去一小时内涉及该IP地址的付款笔数。",
    ),
    declare(
        "ip",
        "distinct",
        "24h",
        of="payer",
        en="How many different payers appeared with this IP address in the last"
        " 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该IP地址一同出现的不同付款人数量。65表示超过64个。",
    ),
    declare(
        "ip",
        "count",
        "24h",
        en="How many payments involved this IP address in the last 24 hours.",
        zh="过去24小时内涉及该IP地址的付款笔数。",
    ),
    declare(
        "ip",
        "sum",
        "24h",
        en="Sum of payments that involved this IP address in the last 24 hours, in this payment's"
        " currency.",
        zh="过去24小时内涉及该IP地址、以本次付款币种计的付款总额。",
    ),
    declare(
        "ip",
        "distinct",
        "24h",
        of="instrument",
        en="How many different instruments appeared with this IP address in the last"
        " 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该IP地址一同出现的不同支付工具数量。65表示超过64个。",
    ),
)
