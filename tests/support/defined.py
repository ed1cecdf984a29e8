"""What each feature is by its definition, from the whole history: slow and short."""

import math

from risk.facts import Facts
from risk.feature import Feature
from risk.plan import OF_LABELS

DAY_S = 86_400
WINDOW_WORDS = {
    "1m": 60,
    "1h": 3_600,
    "24h": DAY_S,
    **{f"{days}d": days * DAY_S for days in (3, 7, 14, 30, 90)},
}
BUCKETS = {
    60: 1,
    3_600: 60,
    **dict.fromkeys((DAY_S, 3 * DAY_S, 7 * DAY_S), 3_600),
    **dict.fromkeys((14 * DAY_S, 30 * DAY_S, 90 * DAY_S), DAY_S),
}
# What labels say of nobody; tests/risk/offline/test_columns.py has those with labels.
NOT_TOLD = {"fraud_count": 0, "unexplained_fraud_count": 0, "fraud_risk": 10_000}


OWN = {
    "payer": lambda facts: facts.payer_key,
    "device": lambda facts: facts.device_id,
    "instrument": lambda facts: facts.instrument_id,
    "payee": lambda facts: facts.payee_id,
    "email": lambda facts: facts.email_key,
    "phone": lambda facts: facts.phone_key,
    "address": lambda facts: facts.shipping_address_id,
    "ip": lambda facts: facts.ip_keys[-1] if facts.ip_keys else None,
    "ip_24": lambda facts: facts.ip_keys[-2] if facts.ip_keys else None,
    "bin": lambda facts: facts.instrument_bin,
    "merchant": lambda facts: facts.merchant_id,
    "issuer_country": lambda facts: facts.instrument_issuer_country,
}
ABSENT = {"ip_24": "no_ip"}


def is_declined(facts: Facts) -> bool:
    """An outcome that every history can tell again."""
    return facts.amount_minor % 3 == 0


def by_definition(feature: Feature, facts: Facts, before: list[Facts]) -> int | str:
    """Return a feature's value, or why it is missing, from the whole history."""
    own = OWN[feature.entity]
    if own(facts) is None:
        return ABSENT.get(feature.entity, f"no_{feature.entity}")
    found = [other for other in before if own(other) == own(facts)]
    if feature.window_s:
        return _in_window(feature, facts, found, before)
    if feature.aggregate in OF_LABELS:
        return "no_history"
    if feature.aggregate == "usual_gap":
        return _usual_gap(found)
    if feature.aggregate in {"since_last", "since_first", "since_abnormal"}:
        return _since(feature, facts, found, before)
    return _of_amounts(feature, facts, found)


def _since(feature: Feature, facts: Facts, found: list[Facts], before: list[Facts]) -> int | str:
    if feature.aggregate == "since_abnormal":
        found = [other for other in found if _usual_ratio(other, before) > 2_500]
    elif feature.of is not None:
        of = OWN[feature.of]
        found = [other for other in found if of(other) == of(facts)]
    pick = min if feature.aggregate == "since_first" else max
    times = [other.occurred_at for other in found]
    if not times:
        return "no_history"
    return max(int((facts.occurred_at - pick(times)).total_seconds()), 0)


def _usual_gap(found: list[Facts]) -> int | str:
    if len(found) < 3:
        return "no_history"
    mean, newest = None, found[0].occurred_at
    for other in found[1:]:
        gap = max((other.occurred_at - newest).total_seconds(), 0.0)
        mean = gap if mean is None else mean + 0.125 * (gap - mean)
        newest = max(newest, other.occurred_at)
    return int(mean + 0.5)


def _usual(money: list[int]) -> float:
    """Return the slow mean in which no amount counts for more than twice the mean before it."""
    usual = float(money[0])
    for number, amount in enumerate(money[1:], start=1):
        cut = min(amount, 2.0 * usual) if usual > 0 else amount
        usual += max(1.0 / (number + 1), 0.0625) * (cut - usual)
    return usual


def _usual_ratio(facts: Facts, before: list[Facts]) -> int:
    """Return the amount to what was usual for its payer when it came, or 0."""
    place = next(place for place, other in enumerate(before) if other is facts)
    money = [
        other.amount_minor
        for other in before[:place]
        if (other.payer_key, other.currency) == (facts.payer_key, facts.currency)
    ]
    if len(money) < 3 or not any(money):
        return 0
    return int(min(1_000.0 * facts.amount_minor / _usual(money), 1_000_000))


def _in_window(
    feature: Feature, facts: Facts, found: list[Facts], before: list[Facts]
) -> int | str:
    size = BUCKETS[feature.window_s]
    end = (int(facts.occurred_at.timestamp()) // size + 1) * size
    start = end - feature.window_s
    found = [other for other in found if start <= other.occurred_at.timestamp() < end]
    money = [other.amount_minor for other in found if other.currency == facts.currency]
    if feature.aggregate in {"sum", "max"}:
        return sum(money) if feature.aggregate == "sum" else max(money, default="no_history")
    if feature.aggregate in {"window_mean", "to_window_mean", "window_z"}:
        return _to_window(feature, facts, money)
    if feature.aggregate in {"abnormal_count", "abnormal_max"}:
        far = [ratio for other in found if (ratio := _usual_ratio(other, before)) > 2_500]
        is_count = feature.aggregate == "abnormal_count"
        return len(far) if is_count else max(far, default="no_history")
    if feature.of is not None:
        return _with_others(feature, facts, found)
    return {
        "count": len(found),
        # Nobody labelled any.
        "unlabelled": len(found),
        "declined_share": _share(sum(map(is_declined, found)), found),
        "fraud_share": _share(0, found),
        **NOT_TOLD,
    }[feature.aggregate]


def _share(part: int, whole: list[Facts]) -> int | str:
    return 1_000 * part // len(whole) if whole else "no_history"


def _to_window(feature: Feature, facts: Facts, money: list[int]) -> int | str:
    if feature.aggregate == "window_mean":
        return sum(money) // len(money) if money else "no_history"
    if len(money) < 3 or not sum(money):
        return "no_history"
    mean = sum(money) / len(money)
    if feature.aggregate == "to_window_mean":
        return int(min(1_000.0 * facts.amount_minor / mean, 1_000_000))
    variance = max(sum(amount**2 for amount in money) / len(money) - mean * mean, 0.0)
    return _z(facts.amount_minor, mean, max(math.sqrt(variance), mean / 16))


def _z(value: float, mean: float, deviation: float) -> int:
    return int((min(max((value - mean) / deviation, -10.0), 10.0) + 10.0) * 1_000.0)


def _with_others(feature: Feature, facts: Facts, found: list[Facts]) -> int | str:
    of = OWN[feature.of]
    if feature.aggregate == "distinct":
        return len({of(other) for other in found} - {None})
    if of(facts) is None:
        return ABSENT.get(feature.of, f"no_{feature.of}")
    together = sum(of(other) == of(facts) for other in found)
    if feature.aggregate == "count":
        return together
    return 1_000 * together // len(found) if found else "no_history"


def _of_amounts(feature: Feature, facts: Facts, found: list[Facts]) -> int | str:
    money = [other.amount_minor for other in found if other.currency == facts.currency]
    if len(money) < 3:
        return "no_history"
    mean, variance = _weighted([float(one) for one in money], 0.125)
    if mean <= 0:
        return "no_history"
    if feature.aggregate in {"to_normal", "to_usual"}:
        normal = mean if feature.aggregate == "to_normal" else _usual(money)
        return int(min(1_000.0 * facts.amount_minor / normal, 1_000_000))
    if feature.aggregate == "z":
        return _z(facts.amount_minor, mean, max(math.sqrt(variance), mean / 16))
    if feature.aggregate == "log_z":
        mean, variance = _weighted([math.log(1.0 + one) for one in money], 0.0625)
        return _z(math.log(1.0 + facts.amount_minor), mean, max(math.sqrt(variance), 0.0625))
    return int((mean if feature.aggregate == "mean" else math.sqrt(variance)) + 0.5)


def _weighted(values: list[float], weight: float) -> tuple[float, float]:
    mean, variance = values[0], 0.0
    for one in values[1:]:
        by = one - mean
        part = weight * by
        mean, variance = mean + part, (1.0 - weight) * (variance + part * by)
    return mean, variance
