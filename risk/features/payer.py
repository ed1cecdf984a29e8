"""Features of one payer, beside those with a file of their own. Declares; computes nothing."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "payer",
        "max",
        "30d",
        en="The greatest payment that involved this payer in the last 30 days, in"
        " this payment's currency.",
        zh="过去30天内涉及该付款人、以本次付款币种计的最大单笔金额。",
    ),
    declare(
        "payer",
        "distinct",
        "24h",
        of="device",
        en="How many different devices appeared with this payer in the last 24"
        " hours; 65 stands for more than 64.",
        zh="过去24小时内与该付款人一同出现的不同设备数量。65表示超过64个。",
    ),
    declare(
        "payer",
        "distinct",
        "24h",
        of="instrument",
        en="How many different instruments appeared with this payer in the last"
        " 24 hours; 65 stands for more than 64.",
        zh="过去24小时内与该付款人一同出现的不同支付工具数量。65表示超过64个。",
    ),
    declare(
        "payer",
        "distinct",
        "24h",
        of="payee",
        en="How many different payees appeared with this payer in the last 24"
        " hours; 65 stands for more than 64.",
        zh="过去24小时内与该付款人一同出现的不同收款人数量。65表示超过64个。",
    ),
    declare(
        "payer",
        "count",
        "30d",
        of="payee",
        en="How many payments this payer made with this payee in the last 30 days.",
        zh="该付款人与本次收款人在过去30天内共同出现的付款笔数。",
    ),
    declare(
        "payer",
        "count",
        "30d",
        of="device",
        en="How many payments this payer made with this device in the last 30 days.",
        zh="该付款人与本次设备在过去30天内共同出现的付款笔数。",
    ),
    declare(
        "payer",
        "count",
        "30d",
        of="instrument",
        en="How many payments this payer made with this instrument in the last 30 days.",
        zh="该付款人与本次支付工具在过去30天内共同出现的付款笔数。",
    ),
    declare(
        "payer",
        "share",
        "30d",
        of="payee",
        en="Thousandths of this payer's payments in the last 30 days that were"
        " made with this payee.",
        zh="过去30天内该付款人的付款中与本次收款人有关的千分比。",
    ),
    declare(
        "payer",
        "mean",
        en="Weighted mean of this payer's amounts, newest heaviest, in this payment's currency.",
        zh="该付款人以本次付款币种计的金额加权均值。",
    ),
    declare(
        "payer",
        "deviation",
        en="Weighted standard deviation of this payer's amounts, in this payment's currency.",
        zh="该付款人以本次付款币种计的金额加权标准差。",
    ),
    declare(
        "payer",
        "to_normal",
        en="This amount in thousandths of the weighted mean of amounts with this payer.",
        zh="本次金额相对于该付款人金额加权均值的千分比。",
    ),
    declare(
        "payer",
        "since_last",
        en="Seconds since the newest payment that involved this payer.",
        zh="距该付款人最近一笔付款的秒数。",
    ),
    declare(
        "payer",
        "since_first",
        en="Seconds since the first payment that involved this payer.",
        zh="距该付款人首笔付款的秒数。",
    ),
    declare(
        "payer",
        "declined_share",
        "24h",
        en="Thousandths of the judged payments with this payer in the last 24"
        " hours that we declined.",
        zh="过去24小时内涉及该付款人且已作判断的付款中被拒绝的千分比。",
    ),
)
