"""Features of one payee. A declaration: computes nothing itself."""

from typing import Final

from risk.feature import Feature, declare

FEATURES: Final[tuple[Feature, ...]] = (
    declare(
        "payee",
        "count",
        "1h",
        en="How many payments involved this payee in the last hour.",
        zh="过去一小时内涉及该收款人的付款笔数。",
    ),
    declare(
        "payee",
        "count",
        "24h",
        en="How many payments involved this payee in the last 24 hours.",
        zh="过去24小时内涉及该收款人的付款笔数。",
    ),
    declare(
        "payee",
        "sum",
        "24h",
        en="Sum of payments that involved this payee in the last 24 hours, in"
        " this payment's currency.",
        zh="过去24小时内涉及该收款人、以本次付款币种计的付款总额。",
    ),
    declare(
        "payee",
        "distinct",
        "24h",
        of="payer",
        en="How many different payers appeared with this payee in the last 24"
        " hours; 65 stands for more than 64.",
        zh="过去24小时内与该收款人一同出现的不同付款人数量。65表示超过64个。",
    ),
    declare(
        "payee",
        "to_normal",
        en="This amount in thousandths of the weighted mean of amounts with this payee.",
        zh="本次金额相对于该收款人金额加权均值的千分比。",
    ),
    declare(
        "payee",
        "to_usual",
        en="This amount in thousandths of what is usually paid to this payee: a slow mean in "
        "which no amount counts for more than twice the usual one.",
        zh="本次金额相对于该收款人惯常收款金额的千分比。惯常金额为慢速均值。单笔最多按惯常金额的两倍计入。",
    ),
    declare(
        "payee",
        "fraud_count",
        "30d",
        en="How many payments with this payee in the last 30 days are known by now as"
        " fraud; 65 stands for more than 64.",
        zh="过去30天内涉及该收款人且目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
    declare(
        "payee",
        "fraud_share",
        "30d",
        en="Thousandths of the payments with this payee in the last 30 days that are"
        " known by now as fraud.",
        zh="过去30天内涉及该收款人的付款中目前已知为欺诈的千分比。",
    ),
    declare(
        "payee",
        "unexplained_fraud_count",
        "30d",
        en="How many payments to this payee in the last 30 days are known by now as fraud"
        " although their amount was normal for their payer; 65 stands for more than 64.",
        zh="过去30天内涉及该收款人、金额对其付款人正常但目前已知为欺诈的付款笔数。65表示超过64个。",
    ),
    declare(
        "payee",
        "last_label",
        en="Whether the newest labelled payment with this payee is known by now as"
        " fraud, 1, or as genuine, 0.",
        zh="涉及该收款人且目前已有标签的最近一笔付款。已知为欺诈为1、已知为正常为0。",
    ),
    declare(
        "payee",
        "fraud_run",
        en="How many payments with this payee in a row, up to the newest labelled one, are"
        " known by now as fraud; 65 stands for more than 64.",
        zh="涉及该收款人且已有标签的付款截至最近一笔连续已知为欺诈的笔数。65表示超过64个。",
    ),
    declare(
        "payee",
        "since_fraud",
        en="Seconds since the newest payment with this payee that is known by now as fraud.",
        zh="距涉及该收款人且目前已知为欺诈的最近一笔付款的秒数。",
    ),
    declare(
        "payee",
        "since_unexplained_fraud",
        en="Seconds since the newest payment to this payee that is known by now as fraud "
        "although its amount was normal for its payer.",
        zh="距向该收款人支付、金额对其付款人正常但目前已知为欺诈的最近一笔付款的秒数。",
    ),
    declare(
        "payee",
        "fraud_run_age",
        en="Seconds since the first payment of the current run of known frauds with this payee.",
        zh="距该收款人当前连续已知欺诈中第一笔付款的秒数。",
    ),
    declare(
        "payee",
        "unexplained_fraud_run",
        en="How many frauds of the current run with this payee had an amount that was "
        "normal for its payer; 65 stands for more than 64.",
        zh="该收款人当前连续已知欺诈中金额对其付款人正常的笔数。65表示超过64个。",
    ),
    declare(
        "payee",
        "unexplained_fraud_run_age",
        en="Seconds since the first payment of the current run of known frauds with this "
        "payee whose amount was normal for its payer.",
        zh="距该收款人当前连续已知欺诈中第一笔金额对其付款人正常的付款的秒数。",
    ),
    declare(
        "payee",
        "genuine_since_fraud",
        en="How many payments with this payee since the newest known fraud are known by "
        "now as genuine; 65 stands for more than 64.",
        zh="该收款人自最近一笔已知欺诈以来目前已知为正常的付款笔数。65表示超过64个。",
    ),
    declare(
        "payee",
        "fraud_risk",
        "24h",
        en="Millionths of the labelled payments with this payee in the last 24 hours that "
        "are known by now as fraud, as if there were 5 more with a hundredth of fraud.",
        zh="过去24小时内涉及该收款人且已有标签的付款中目前已知为欺诈的百万分比。另按5笔、欺诈占百分之一的先验平滑。",
    ),
    declare(
        "payee",
        "fraud_risk",
        "7d",
        en="Millionths of the labelled payments with this payee in the last 7 days that "
        "are known by now as fraud, as if there were 5 more with a hundredth of fraud.",
        zh="过去7天内涉及该收款人且已有标签的付款中目前已知为欺诈的百万分比。另按5笔、欺诈占百分之一的先验平滑。",
    ),
    declare(
        "payee",
        "fraud_risk",
        "30d",
        en="Millionths of the labelled payments with this payee in the last 30 days that "
        "are known by now as fraud, as if there were 5 more with a hundredth of fraud.",
        zh="过去30天内涉及该收款人且已有标签的付款中目前已知为欺诈的百万分比。另按5笔、欺诈占百分之一的先验平滑。",
    ),
    declare(
        "payee",
        "unlabelled",
        "7d",
        en="How many payments with this payee in the last 7 days no label says anything of yet.",
        zh="过去7天内涉及该收款人且尚无标签的付款笔数。",
    ),
    declare(
        "payee",
        "unlabelled",
        "30d",
        en="How many payments with this payee in the last 30 days no label says anything of yet.",
        zh="过去30天内涉及该收款人且尚无标签的付款笔数。",
    ),
    declare(
        "payee",
        "since_last",
        en="Seconds since the newest payment that involved this payee.",
        zh="距涉及该收款人最近一笔付款的秒数。",
    ),
    declare(
        "payee",
        "usual_gap",
        en="Weighted mean of seconds between payments that involved this payee, newest heaviest.",
        zh="涉及该收款人的付款之间间隔秒数的加权均值。越近权重越大。",
    ),
    declare(
        "payee",
        "abnormal_count",
        "24h",
        en="How many payments with this payee in the last 24 hours were more than 2.5 "
        "times as much as was usual for their payers then.",
        zh="过去24小时内涉及该收款人、金额超过其付款人当时惯常金额2.5倍的付款笔数。",
    ),
    declare(
        "payee",
        "abnormal_count",
        "7d",
        en="How many payments with this payee in the last 7 days were more than 2.5 times "
        "as much as was usual for their payers then.",
        zh="过去7天内涉及该收款人、金额超过其付款人当时惯常金额2.5倍的付款笔数。",
    ),
)
