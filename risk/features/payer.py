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
        zh="该付款人以本次付款币种计的金额加权均值。越近权重越大。",
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
    declare(
        "payer",
        "count",
        "3d",
        en="How many payments this payer made in the last 3 days.",
        zh="该付款人在过去3天内发起的付款笔数。",
    ),
    declare(
        "payer",
        "count",
        "14d",
        en="How many payments this payer made in the last 14 days.",
        zh="该付款人在过去14天内发起的付款笔数。",
    ),
    declare(
        "payer",
        "window_mean",
        "24h",
        en="Mean of this payer's amounts in the last 24 hours, in this payment's currency,"
        " rounded down.",
        zh="该付款人过去24小时内以本次付款币种计的平均金额。向下取整。",
    ),
    declare(
        "payer",
        "window_mean",
        "3d",
        en="Mean of this payer's amounts in the last 3 days, in this payment's currency, "
        "rounded down.",
        zh="该付款人过去3天内以本次付款币种计的平均金额。向下取整。",
    ),
    declare(
        "payer",
        "window_mean",
        "7d",
        en="Mean of this payer's amounts in the last 7 days, in this payment's currency, "
        "rounded down.",
        zh="该付款人过去7天内以本次付款币种计的平均金额。向下取整。",
    ),
    declare(
        "payer",
        "window_mean",
        "14d",
        en="Mean of this payer's amounts in the last 14 days, in this payment's currency, "
        "rounded down.",
        zh="该付款人过去14天内以本次付款币种计的平均金额。向下取整。",
    ),
    declare(
        "payer",
        "window_mean",
        "30d",
        en="Mean of this payer's amounts in the last 30 days, in this payment's currency, "
        "rounded down.",
        zh="该付款人过去30天内以本次付款币种计的平均金额。向下取整。",
    ),
    declare(
        "payer",
        "to_window_mean",
        "30d",
        en="This amount in thousandths of the mean of this payer's amounts in the last 30 days.",
        zh="本次金额相对于该付款人过去30天平均金额的千分比。",
    ),
    declare(
        "payer",
        "window_z",
        "30d",
        en="How many standard deviations this amount is from the mean of this payer's "
        "amounts in the last 30 days: 10,000 is the mean, 1,000 is one deviation, from "
        "0 to 20,000.",
        zh="本次金额与该付款人过去30天平均金额相差的标准差数。10,000为均值、1,000为一个标准差、范围0至20,000。",
    ),
    declare(
        "payer",
        "to_usual",
        en="This amount in thousandths of what is usual for this payer: a slow mean in "
        "which no amount counts for more than twice the usual one.",
        zh="本次金额相对于该付款人惯常金额的千分比。惯常金额为慢速均值。单笔最多按惯常金额的两倍计入。",
    ),
    declare(
        "payer",
        "z",
        en="How many weighted standard deviations this amount is from the weighted mean of"
        " this payer's amounts: 10,000 is the mean, 1,000 is one deviation, from 0 to "
        "20,000.",
        zh="本次金额与该付款人加权均值相差的加权标准差数。10,000为均值、1,000为一个标准差、范围0至20,000。",
    ),
    declare(
        "payer",
        "log_z",
        en="How many weighted standard deviations the logarithm of this amount is from the "
        "weighted mean of this payer's: 10,000 is the mean, 1,000 is one deviation. For "
        "payers whose amounts differ by powers of ten.",
        zh="本次金额的对数与该付款人对数加权均值相差的加权标准差数。10,000为均值、1,000为一个标准差。适用于金额跨度很大的付款人。",
    ),
    declare(
        "payer",
        "abnormal_count",
        "7d",
        en="How many payments of this payer in the last 7 days were more than 2.5 times as"
        " much as was usual for the payer then.",
        zh="该付款人过去7天内金额超过其当时惯常金额2.5倍的付款笔数。",
    ),
    declare(
        "payer",
        "abnormal_max",
        "7d",
        en="The greatest payment of this payer in the last 7 days that was more than 2.5 times "
        "as much as was usual, in thousandths of what was usual then.",
        zh="该付款人过去7天内金额超过其当时惯常金额2.5倍的最大一笔付款相对于当时惯常金额的千分比。",
    ),
    declare(
        "payer",
        "abnormal_count",
        "14d",
        en="How many payments of this payer in the last 14 days were more than 2.5 times "
        "as much as was usual for the payer then.",
        zh="该付款人过去14天内金额超过其当时惯常金额2.5倍的付款笔数。",
    ),
    declare(
        "payer",
        "abnormal_max",
        "14d",
        en="The greatest payment of this payer in the last 14 days that was more than 2.5 times "
        "as much as was usual, in thousandths of what was usual then.",
        zh="该付款人过去14天内金额超过其当时惯常金额2.5倍的最大一笔付款相对于当时惯常金额的千分比。",
    ),
    declare(
        "payer",
        "since_abnormal",
        en="Seconds since the newest payment of this payer that was more than 2.5 times as"
        " much as was usual for the payer then.",
        zh="距该付款人最近一笔金额超过其当时惯常金额2.5倍的付款的秒数。",
    ),
    declare(
        "payer",
        "since_last",
        of="payee",
        en="Seconds since this payer's newest payment to this payee.",
        zh="距该付款人最近一次向本次收款人付款的秒数。",
    ),
)
