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
)
