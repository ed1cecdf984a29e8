"""Features and policy as Markdown, rendered from what the engine runs. Writes no file."""

from typing import Final

from risk.assessment import Amount
from risk.feature import EVERY_STAGE, Feature, FeatureSet, Text
from risk.policy.catalogue import cold_start_markdown, costs_markdown
from risk.policy.shapes import CurrencyLimits, Preset
from risk.reasons import money_text
from risk.strategy import Strategy


def features_markdown(features: FeatureSet) -> str:
    """Return docs/features.md: every feature with what it means in both languages."""
    lines = [
        "# Features",
        "",
        "Generated from `risk/features`; a test compares.",
        "Values are as of the payment's own time, from what was counted before it.",
        "A value that is not known carries its reason, and is never 0: no such entity given",
        "(`no_device`, `no_instrument`, ...), too little seen of it yet (`no_history`),",
        "a stage at which it is not read (`not_at_stage`), or what was let go to keep the state",
        "small (`outside_kept_range`).",
        "A pair of entities is counted in the state of the first. Thousandths are rounded down.",
        "Offset thousandths are of a standard deviation: 10,000 is the mean, and nothing is below",
        "0 or above 20,000. A flag is 1 or 0.",
        "",
        "| name | of | window | unit | stages | source | version | meaning | 含义 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{f.name}` | {f.entity}{f' with {f.of}' if f.of else ''} | {_window(f)} | {f.unit}"
        f" | {'all' if f.stages == EVERY_STAGE else ', '.join(f.stages)} | {f.source}"
        f" | {f.version} | {f.meaning.en} | {f.meaning.zh} |"
        for f in features.features
    ]
    return "\n".join([*lines, ""])


def _window(feature: Feature) -> str:
    return f"{feature.window_s:,} s" if feature.window_s else "-"


# The engine knows a payer's own limit; no command of the service sets one.
PROTECTION: Final = (
    "No command sets a payer's own limit yet, so no payment is above it. Protection today: no"
    " exemption for small payments, unless the payer or their guardian allowed them; harm weighs"
    " more (see Costs); rules may look at `is_protected`.\n\n"
    "目前没有设置付款人个人限额的命令，因此不会出现超出该限额的付款。"  # noqa: RUF001  Chinese punctuation
    "保护目前的作用：除非付款人或其监护人允许，否则不适用小额豁免；"  # noqa: RUF001  the same
    "损害按更高权重计（见 Costs）；规则可使用 `is_protected`。"  # noqa: RUF001  the same
)


def policy_markdown(strategy: Strategy) -> str:
    """Return docs/policy.md: ladder, limit on speed, costs, and each preset with its sources."""
    lines = [
        "# Policy",
        "",
        "Generated from `risk/policy`; a test compares. Risk can only raise the level.",
        "",
        "## The ladder of proof",
        "",
        "| level | any of | besides for cards | used when | 适用 |",
        "| --- | --- | --- | --- | --- |",
    ]
    for level, rung in sorted(strategy.ladder.levels.items()):
        proofs, cards = ", ".join(rung.any_of) or "none", ", ".join(rung.any_of_card) or "none"
        lines.append(f"| {level} | {proofs} | {cards} | {_both(rung.used_when)} |")
    by_risk = ", ".join(f"{risk} {level}" for risk, level in strategy.ladder.risk.items())
    lines += [
        "",
        f"Lowest level by risk: {by_risk}.",
        f"Without a score, a challenge asks at least level {strategy.ladder.degraded.level}.",
        "",
        PROTECTION,
        "",
        "| hold | lasts | a challenge at its end asks at least |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {grounds} | {hold.duration_s:,} s | level {hold.end_level} |"
        for grounds, hold in sorted(strategy.ladder.holds.items())
    ]
    lines += _velocity(strategy)
    lines += _events(strategy)
    lines += costs_markdown(strategy.costs)
    lines += cold_start_markdown(strategy.cold_start)
    for code in sorted(strategy.presets):
        lines += _preset(strategy.presets[code])
    return "\n".join([*lines, ""])


def _velocity(strategy: Strategy) -> list[str]:
    limit = strategy.velocity
    lines = ["", "## The limit on speed", "", f"`{limit.code}` version {limit.version}.", ""]
    lines += [limit.why.en, "", limit.why.zh, ""]
    lines += [f"| stage | {limit.feature} from | outcome |", "| --- | --- | --- |"]
    lines += [f"| {at.stage} | {at.at_least} | {at.outcome} |" for at in limit.at]
    return lines


def _events(strategy: Strategy) -> list[str]:
    events = strategy.events
    lines = ["", "## Account actions and payouts", ""]
    lines.append(
        f"Version {events.version}. Where a preset asks for levels, at least these; a change of"
        f" contact or credential is recent for {events.recent_s:,} s. A payout is asked by its"
        " amount as a payment is, and is held after a recent change, also of where it goes."
    )
    lines += ["", "| action | level | from an unknown device | after a recent change |"]
    lines.append("| --- | --- | --- | --- |")
    for action, asked in sorted(events.actions.items()):
        row = [(f"`{action}`", asked.level)]
        row += [(f"`{action}` of {one}", level) for one, level in sorted(asked.changes.items())]
        lines += [
            f"| {name} | {level} | {max(level, asked.new_device)}"
            f" | {max(level, asked.after_change)} |"
            for name, level in row
        ]
    told = ", ".join(f"{one} {level}" for one, level in sorted(events.sign_in.items()))
    return [*lines, "", f"What a sign-in counts for at its login: {told}."]


def _preset(preset: Preset) -> list[str]:
    lines = ["", f"## Preset {preset.code}", ""]
    lines.append(
        f"Version {preset.version}. Liability: {preset.liability}. A day begins at 00:00 of"
        f" UTC{preset.day_offset_minutes:+d} min."
    )
    lines += [
        "",
        f"Not covered: {preset.not_covered.en}",
        "",
        f"不在范围内：{preset.not_covered.zh}",  # noqa: RUF001  Chinese punctuation
    ]
    if preset.levels is None:
        return lines
    levels = preset.levels
    lines += [
        "",
        "| circumstance | at least level |",
        "| --- | --- |",
        f"| above the day limits | {levels.above} |",
        f"| new payee | {levels.new_payee} |",
        f"| protected payer above their own limit (none yet) | {levels.protected_over_limit} |",
        f"| currency without limits | {levels.other_currency} |",
        f"| verification | {levels.verification} |",
    ]
    for currency in sorted(preset.limits):
        lines += _limits(currency, preset.limits[currency])
    lines += ["", "| figure | source | says | 内容 |", "| --- | --- | --- | --- |"]
    lines += [f"| {s.figure} | {s.source} | {s.en} | {s.zh} |" for s in preset.sources]
    return lines


def _limits(currency: str, limits: CurrencyLimits) -> list[str]:
    def written(minor: int) -> str:
        return money_text(Amount(minor=minor, currency=currency, exponent=limits.exponent))

    lines = ["", f"Limits in {currency}:", ""]
    lines += [
        f"- level {day.level} and weaker: {written(day.amount_minor_max)} a day"
        for day in limits.days
    ]
    if limits.static_qr_day_minor_max is not None:
        lines.append(
            f"- static code: {written(limits.static_qr_day_minor_max)} a day whatever the proof;"
            " above, the payment is declined"
        )
    if limits.exemption is not None:
        exempt = limits.exemption
        lines.append(
            f"- exemption `{exempt.code}`: up to {written(exempt.amount_minor_max)}, at most"
            f" {exempt.count_max} in a row and {written(exempt.sum_minor_max)} since a proof of"
            f" level 2, per {', '.join(exempt.scopes)}; liability {exempt.liability}"
        )
    return lines


def _both(text: Text) -> str:
    return f"{text.en} | {text.zh}"
