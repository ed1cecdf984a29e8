"""Payments by one payer in the last minute. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_payment_count_1m",
    entity="payer",
    aggregate="count",
    window_s=60,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How many payments this payer made in the last minute.",
        zh="该付款人在过去一分钟内发起的付款笔数。",
    ),
)
