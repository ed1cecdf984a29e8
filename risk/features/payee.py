"""Features of one payee. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "payee",
        "count",
        "1h",
        en="How many payments involved this payee in the last hour.",
        zh="过去一小时内涉及该收款人的付款笔数。",
    ),
    declare(
        "payee",
        "count",
        "24h",
        en="How many payments involved this payee in the last 24 hours.",
        zh="过去24小时内涉及该收款人的付款笔数。",
    ),
    declare(
        "payee",
        "sum",
        "24h",
        en="Sum of payments that involved this payee in the last 24 hours, in"
        " this payment's currency.",
        zh="过去24小时内涉及该收款人、以本次付款币种计的付款总额。",
    ),
    declare(
        "payee",
        "distinct",
        "24h",
        of="payer",
        en="How many different payers appeared with this payee in the last 24"
        " hours; 65 stands for more than 64.",
        zh="过去24小时内与该收款人一同出现的不同付款人数量。65表示超过64个。",
    ),
    declare(
        "payee",
        "to_normal",
        en="This amount in thousandths of the weighted mean of amounts with this payee.",
        zh="本次金额相对于该收款人金额加权均值的千分比。",
    ),
    declare(
        "payee",
        "fraud_count",
        "30d",
        en="How many payments with this payee in the last 30 days are known by now as"
        " fraud; 65 stands for more than 64.",
        zh="过去30天内涉及该收款人且目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
    declare(
        "payee",
        "fraud_share",
        "30d",
        en="Thousandths of the payments with this payee in the last 30 days that are"
        " known by now as fraud.",
        zh="过去30天内涉及该收款人的付款中目前已知为欺诈的千分比。",
    ),
    declare(
        "payee",
        "unexplained_fraud_count",
        "30d",
        en="How many payments to this payee in the last 30 days are known by now as fraud"
        " although their amount was normal for their payer; 65 stands for more than 64.",
        zh="过去30天内涉及该收款人、金额对其付款人正常但目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
)
