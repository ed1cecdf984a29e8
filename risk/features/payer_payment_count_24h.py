"""Payments by one payer in the last 24 hours. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_payment_count_24h",
    entity="payer",
    aggregate="count",
    window_s=86_400,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How many payments this payer made in the last 24 hours.",
        zh="该付款人在过去 24 小时内发起的付款笔数。",
    ),
)
