"""Features of one network of the address. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "ip_24",
        "count",
        "1h",
        en="How many payments involved this network of the address in the last hour.",
        zh="过去一小时内涉及该IP网段的付款笔数。",
    ),
    declare(
        "ip_24",
        "count",
        "24h",
        en="How many payments involved this network of the address in the last 24 hours.",
        zh="过去24小时内涉及该IP网段的付款笔数。",
    ),
)
