"""Features of one shipping address. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "address",
        "count",
        "24h",
        en="How many payments involved this shipping address in the last 24 hours.",
        zh="过去24小时内涉及该收货地址的付款笔数。",
    ),
    declare(
        "address",
        "distinct",
        "30d",
        of="payer",
        en="How many different payers appeared with this shipping address in the"
        " last 30 days; 65 stands for more than 64.",
        zh="过去30天内与该收货地址一同出现的不同付款人数量。65表示超过64个。",
    ),
    declare(
        "address",
        "fraud_count",
        "30d",
        en="How many payments with this shipping address in the last 30 days are known by now as"
        " fraud; 65 stands for more than 64.",
        zh="过去30天内涉及该收货地址且目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
    declare(
        "address",
        "fraud_share",
        "30d",
        en="Thousandths of the payments with this shipping address in the last 30 days that are"
        " known by now as fraud.",
        zh="过去30天内涉及该收货地址的付款中目前已知为欺诈的千分比。",
    ),
)
