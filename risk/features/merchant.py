"""Features of one merchant. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "merchant",
        "count",
        "1h",
        en="How many payments involved this merchant in the last hour.",
        zh="过去一小时内涉及该商户的付款笔数。",
    ),
    declare(
        "merchant",
        "sum",
        "1h",
        en="Sum of payments that involved this merchant in the last hour, in this"
        " payment's currency.",
        zh="过去一小时内涉及该商户、以本次付款币种计的付款总额。",
    ),
    declare(
        "merchant",
        "declined_share",
        "1h",
        en="Thousandths of the judged payments with this merchant in the last"
        " hour that we declined.",
        zh="过去一小时内涉及该商户且已作判断的付款中被拒绝的千分比。",
    ),
)
