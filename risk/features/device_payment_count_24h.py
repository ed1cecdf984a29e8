"""Payments by one device in the last 24 hours. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="device_payment_count_24h",
    entity="device",
    aggregate="count",
    window_s=86_400,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by device",
    version=1,
    meaning=Text(
        en="How many payments this device made in the last 24 hours.",
        zh="该设备在过去 24 小时内发起的付款笔数。",
    ),
)
