"""Sum paid by one payer in the last 30 days. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_amount_sum_30d",
    entity="payer",
    aggregate="sum",
    window_s=2_592_000,
    unit="minor",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How much this payer paid in the last 30 days, in this payment's currency.",
        zh="该付款人在过去三十天内以本次付款的币种支付的总额。",
    ),
)
