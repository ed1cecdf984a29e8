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
    declare(
        "merchant",
        "count",
        "24h",
        en="How many payments involved this merchant in the last 24 hours.",
        zh="过去24小时内涉及该商户的付款笔数。",
    ),
    declare(
        "merchant",
        "sum",
        "24h",
        en="Sum of payments that involved this merchant in the last 24 hours, in this payment's"
        " currency.",
        zh="过去24小时内涉及该商户、以本次付款币种计的付款总额。",
    ),
    declare(
        "merchant",
        "count",
        "7d",
        en="How many payments involved this merchant in the last 7 days.",
        zh="过去7天内涉及该商户的付款笔数。",
    ),
    declare(
        "merchant",
        "sum",
        "7d",
        en="Sum of payments that involved this merchant in the last 7 days, in this payment's"
        " currency.",
        zh="过去7天内涉及该商户、以本次付款币种计的付款总额。",
    ),
    declare(
        "merchant",
        "since_first",
        en="Seconds since the first payment that involved this merchant.",
        zh="距该商户首笔付款的秒数。",
    ),
)
