"""Features of one instrument. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "instrument",
        "count",
        "1h",
        en="How many payments involved this instrument in the last hour.",
        zh="过去一小时内涉及该支付工具的付款笔数。",
    ),
    declare(
        "instrument",
        "count",
        "24h",
        en="How many payments involved this instrument in the last 24 hours.",
        zh="过去24小时内涉及该支付工具的付款笔数。",
    ),
    declare(
        "instrument",
        "sum",
        "24h",
        en="Sum of payments that involved this instrument in the last 24 hours,"
        " in this payment's currency.",
        zh="过去24小时内涉及该支付工具、以本次付款币种计的付款总额。",
    ),
    declare(
        "instrument",
        "distinct",
        "30d",
        of="payer",
        en="How many different payers appeared with this instrument in the last"
        " 30 days; 65 stands for more than 64.",
        zh="过去30天内与该支付工具一同出现的不同付款人数量。65表示超过64个。",
    ),
    declare(
        "instrument",
        "distinct",
        "24h",
        of="device",
        en="How many different devices appeared with this instrument in the last"
        " 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该支付工具一同出现的不同设备数量。65表示超过64个。",
    ),
    declare(
        "instrument",
        "since_last",
        en="Seconds since the newest payment that involved this instrument.",
        zh="距该支付工具最近一笔付款的秒数。",
    ),
    declare(
        "instrument",
        "declined_share",
        "24h",
        en="Thousandths of the judged payments with this instrument in the last"
        " 24 hours that we declined.",
        zh="过去24小时内涉及该支付工具且已作判断的付款中被拒绝的千分比。",
    ),
    declare(
        "instrument",
        "fraud_count",
        "30d",
        en="How many payments with this instrument in the last 30 days are known by now as"
        " fraud; 65 stands for more than 64.",
        zh="过去30天内涉及该支付工具且目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
    declare(
        "instrument",
        "fraud_share",
        "30d",
        en="Thousandths of the payments with this instrument in the last 30 days that are"
        " known by now as fraud.",
        zh="过去30天内涉及该支付工具的付款中目前已知为欺诈的千分比。",
    ),
    declare(
        "instrument",
        "last_label",
        en="Whether the newest labelled payment with this instrument is known by now as"
        " fraud, 1, or as genuine, 0.",
        zh="涉及该支付工具且目前已有标签的最近一笔付款。已知为欺诈为1、已知为正常为0。",
    ),
    declare(
        "instrument",
        "fraud_run",
        en="How many payments with this instrument in a row, up to the newest labelled "
        "one, are known by now as fraud; 65 stands for more than 64.",
        zh="涉及该支付工具且已有标签的付款截至最近一笔连续已知为欺诈的笔数。65表示超过64个。",
    ),
    declare(
        "instrument",
        "since_fraud",
        en="Seconds since the newest payment with this instrument that is known by now as fraud.",
        zh="距涉及该支付工具且目前已知为欺诈的最近一笔付款的秒数。",
    ),
)
