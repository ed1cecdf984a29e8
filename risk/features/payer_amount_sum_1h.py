"""Sum paid by one payer in the last hour. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import EVERY_STAGE, Feature, Text

FEATURE: Final = Feature(
    name="payer_amount_sum_1h",
    entity="payer",
    aggregate="sum",
    window_s=3_600,
    unit="minor",
    stages=EVERY_STAGE,
    source="payments created, by payer",
    version=1,
    meaning=Text(
        en="How much this payer paid in the last hour, in this payment's currency.",
        zh="该付款人在过去一小时内以本次付款的币种支付的总额。",
    ),
)
