"""The costs and the cold start as Markdown, rendered from what the engine runs. Writes no file."""

from risk.cold_start import ColdStart, Signal
from risk.models.manifest import HEADS
from risk.policy.costs import ACTIONS, Costs


def costs_markdown(costs: Costs) -> list[str]:
    """Return the section of docs/policy.md on the cheapest outcome."""
    told = (
        f"Version {costs.version}. Where a model scored, the outcome of least expected cost is"
        " taken, and where rules, lists or the ladder say something stronger, that. Fixed figures"
        " are in units of money, see below. A miss costs the amount and"
        f" {_units(costs.miss_fixed_milli)}; a genuine payment that is lost costs"
        f" {_percent(costs.margin_milli)} of the amount and {_units(costs.goodwill_milli)}. Harm to"
        f" a protected payer weighs {costs.protected_harm_milli / 1_000:g} times its money, which"
        " never leads to a refusal. Officers can look at"
        f" {costs.capacity_ppm / 10_000:g}% of payments: where more wait, make handling dearer."
    )
    lines = ["", "## Costs", "", told, ""]
    lines.append(
        "| action | catches unauthorized | scam | first party | genuine payers lost | work |"
    )
    lines.append("| --- | --- | --- | --- | --- | --- |")
    for name in ACTIONS:
        one = costs.actions[name]
        caught = " | ".join(_percent(one.catch_milli[head]) for head in HEADS)
        lost = _percent(one.drop_out_milli)
        lines.append(f"| {name} | {caught} | {lost} | {_units(one.handling_milli)} |")
    priors = ", ".join(f"{head} {costs.priors_ppm[head]:,} in a million" for head in HEADS)
    units = ", ".join(f"{currency} {unit:,}" for currency, unit in sorted(costs.units.items()))
    lines += [
        "",
        f"Without labels of a kind, unless the model brings its own prior: {priors}.",
        "",
        f"Minor units of one unit: {units}; of every other currency {costs.other_unit.minor:,}.",
        "",
        "| figure | source | says | 内容 |",
        "| --- | --- | --- | --- |",
    ]
    return [*lines, *(f"| {s.figure} | {s.source} | {s.en} | {s.zh} |" for s in costs.sources)]


def cold_start_markdown(cold_start: ColdStart) -> list[str]:
    """Return the section of docs/policy.md on the score without a model."""
    told = (
        f"Version {cold_start.version}. Without a model the score says how unlike its own normal a"
        " payment is: for each signal, points for what its z-score is above a least one, up to a"
        f" greatest, added to {cold_start.base} and never above {cold_start.max}. Nothing was"
        " learned, so it is told as uncalibrated and without probabilities; it can raise the risk"
        " level and the proof that is asked for with it, and refuses nobody. Where nothing is"
        " known of any signal there is no score."
    )
    lines = ["", "## Cold start", "", told, ""]
    lines.append("| signal | z | from | for at most | points for each |")
    lines.append("| --- | --- | --- | --- | --- |")
    return [
        *lines,
        *(
            f"| {one.code} | {_form(one)} | {one.from_milli / 1_000:g}"
            f" | {one.to_milli / 1_000:g} more | {one.points} |"
            for one in cold_start.signals
        ),
    ]


def _form(signal: Signal) -> str:
    least = f"{signal.least_milli / 1_000:g}"
    seen = f", where `{signal.seen}` is {signal.seen_from:,} or more" if signal.seen else ""
    if signal.form == "ratio":
        return f"(`{signal.value}` - 1,000) / {signal.least_milli:,}{seen}"
    if signal.form == "rate":
        return (
            f"(`{signal.value}` - m) / sqrt(m + 1), m = {least} of the rest of"
            f" `{signal.normal}`, where that is {signal.seen_from:,} or more"
        )
    return (
        f"(`{signal.value}` - m) / max(`{signal.spread}`, {least} m), m = `{signal.normal}`{seen}"
    )


def _percent(milli: int) -> str:
    return f"{milli / 10:g}%"


def _units(milli: int) -> str:
    return f"{milli / 1_000:g}"
