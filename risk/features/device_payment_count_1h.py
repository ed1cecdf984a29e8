"""Payments by one device in the last hour. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="device_payment_count_1h",
    entity="device",
    aggregate="count",
    window_s=3_600,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by device",
    version=1,
    meaning=Text(
        en="How many payments this device made in the last hour.",
        zh="该设备在过去一小时内发起的付款笔数。",
    ),
)
