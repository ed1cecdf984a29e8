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
    declare(
        "address",
        "last_label",
        en="Whether the newest labelled payment with this shipping address is known by now as"
        " fraud, 1, or as genuine, 0.",
        zh="涉及该收货地址且目前已有标签的最近一笔付款。已知为欺诈为1、已知为正常为0。",
    ),
    declare(
        "address",
        "fraud_run",
        en="How many payments with this shipping address in a row, up to the newest "
        "labelled one, are known by now as fraud; 65 stands for more than 64.",
        zh="涉及该收货地址且已有标签的付款截至最近一笔连续已知为欺诈的笔数。65表示超过64个。",
    ),
    declare(
        "address",
        "since_fraud",
        en="Seconds since the newest payment with this shipping address that is known by "
        "now as fraud.",
        zh="距涉及该收货地址且目前已知为欺诈的最近一笔付款的秒数。",
    ),
    declare(
        "address",
        "sum",
        "24h",
        en="Sum of payments that involved this shipping address in the last 24 hours, in this"
        " payment's currency.",
        zh="过去24小时内涉及该收货地址、以本次付款币种计的付款总额。",
    ),
)
