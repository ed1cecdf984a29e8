"""Features of one BIN. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "bin",
        "count",
        "1h",
        en="How many payments involved this BIN in the last hour.",
        zh="过去一小时内涉及该卡BIN的付款笔数。",
    ),
    declare(
        "bin",
        "sum",
        "1h",
        en="Sum of payments that involved this BIN in the last hour, in this payment's currency.",
        zh="过去一小时内涉及该卡BIN、以本次付款币种计的付款总额。",
    ),
    declare(
        "bin",
        "declined_share",
        "1h",
        en="Thousandths of the judged payments with this BIN in the last hour that we declined.",
        zh="过去一小时内涉及该卡BIN且已作判断的付款中被拒绝的千分比。",
    ),
    declare(
        "bin",
        "count",
        "24h",
        en="How many payments involved this BIN in the last 24 hours.",
        zh="过去24小时内涉及该卡BIN的付款笔数。",
    ),
)
