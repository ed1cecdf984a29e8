"""Payments by one payer in the last 30 days. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_payment_count_30d",
    entity="payer",
    aggregate="count",
    window_s=2_592_000,
    unit="payments",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How many payments this payer made in the last 30 days.",
        zh="该付款人在过去三十天内发起的付款笔数。",
    ),
)
