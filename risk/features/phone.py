"""Features of one phone number. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "phone",
        "count",
        "24h",
        en="How many payments involved this phone number in the last 24 hours.",
        zh="过去24小时内涉及该电话号码的付款笔数。",
    ),
    declare(
        "phone",
        "distinct",
        "24h",
        of="instrument",
        en="How many different instruments appeared with this phone number in the"
        " last 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该电话号码一同出现的不同支付工具数量。65表示超过64个。",
    ),
    declare(
        "phone",
        "sum",
        "24h",
        en="Sum of payments that involved this phone number in the last 24 hours, in this payment's"
        " currency.",
        zh="过去24小时内涉及该电话号码、以本次付款币种计的付款总额。",
    ),
)
