"""Features of one device, beside those with a file of their own. Declares; computes nothing."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "device",
        "distinct",
        "24h",
        of="payer",
        en="How many different payers appeared with this device in the last 24"
        " hours; 65 stands for more than 64.",
        zh="过去24小时内与该设备一同出现的不同付款人数量。65表示超过64个。",
    ),
    declare(
        "device",
        "distinct",
        "24h",
        of="instrument",
        en="How many different instruments appeared with this device in the last"
        " 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该设备一同出现的不同支付工具数量。65表示超过64个。",
    ),
    declare(
        "device",
        "declined_share",
        "24h",
        en="Thousandths of the judged payments with this device in the last 24"
        " hours that we declined.",
        zh="过去24小时内涉及该设备且已作判断的付款中被拒绝的千分比。",
    ),
    declare(
        "device",
        "fraud_count",
        "30d",
        en="How many payments with this device in the last 30 days are known by now as"
        " fraud; 65 stands for more than 64.",
        zh="过去30天内涉及该设备且目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
    declare(
        "device",
        "fraud_share",
        "30d",
        en="Thousandths of the payments with this device in the last 30 days that are"
        " known by now as fraud.",
        zh="过去30天内涉及该设备的付款中目前已知为欺诈的千分比。",
    ),
    declare(
        "device",
        "last_label",
        en="Whether the newest labelled payment with this device is known by now as"
        " fraud, 1, or as genuine, 0.",
        zh="涉及该设备且目前已有标签的最近一笔付款。已知为欺诈为1、已知为正常为0。",
    ),
    declare(
        "device",
        "fraud_run",
        en="How many payments with this device in a row, up to the newest labelled one, "
        "are known by now as fraud; 65 stands for more than 64.",
        zh="涉及该设备且已有标签的付款截至最近一笔连续已知为欺诈的笔数。65表示超过64个。",
    ),
    declare(
        "device",
        "since_fraud",
        en="Seconds since the newest payment with this device that is known by now as fraud.",
        zh="距涉及该设备且目前已知为欺诈的最近一笔付款的秒数。",
    ),
)
