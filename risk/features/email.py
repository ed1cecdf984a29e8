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
)
