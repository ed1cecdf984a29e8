"""Payments by one payer in the last hour. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_payment_count_1h",
    entity="payer",
    aggregate="count",
    window_s=3_600,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How many payments this payer made in the last hour.",
        zh="该付款人在过去一小时内发起的付款笔数。",
    ),
)
