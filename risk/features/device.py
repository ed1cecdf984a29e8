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
)
