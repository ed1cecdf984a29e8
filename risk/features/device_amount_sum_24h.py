"""Sum paid by one device in the last 24 hours. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="device_amount_sum_24h",
    entity="device",
    aggregate="sum",
    window_s=86_400,
    unit="minor",
    stages=EVERY_STAGE,
    source="payments created, by device",
    version=1,
    meaning=Text(
        en="How much this device paid in the last 24 hours, in this payment's currency.",
        zh="该设备在过去 24 小时内以本次付款的币种支付的总额。",
    ),
)
