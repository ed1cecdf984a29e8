"""Payments by one payer in the last 7 days. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_payment_count_7d",
    entity="payer",
    aggregate="count",
    window_s=604_800,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How many payments this payer made in the last 7 days.",
        zh="该付款人在过去七天内发起的付款笔数。",
    ),
)
