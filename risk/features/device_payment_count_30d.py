"""Payments by one device in the last 30 days. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="device_payment_count_30d",
    entity="device",
    aggregate="count",
    window_s=2_592_000,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by device",
    version=1,
    meaning=Text(
        en="How many payments this device made in the last 30 days.",
        zh="该设备在过去三十天内发起的付款笔数。",
    ),
)
