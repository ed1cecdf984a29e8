"""One payment of each kind, as the demo tries and shows it: ordinary, and three frauds."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import msgspec

from risk.simulation.shapes import Paid, Scenario

Language = Literal["en", "zh"]
# Sends a payment once, or again for its answer in another language; gives the answer's body.
Post = Callable[[Paid, Language], dict[str, Any]]
TRIES_MAX: Final = 12
REASONS_MAX: Final = 3
WEIGHTS_MAX: Final = 3
WEAKEST: Final = "approve"
STRONGEST: Final = "decline"
STRENGTH: Final = {
    one: place for place, one in enumerate((WEAKEST, "challenge", "review", "hold", STRONGEST))
}


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One payment of a kind, and what became of it.

    Attributes:
        scenario: Which kind; whoever judged it was not told.
        tried: What was done, for people.
        tries: How many payments there were until this one, itself included.
        request: The payment.
        outcome: Of it.
        score: 0 to 1,000; None where nothing scores.
        risk_level: Of it.
        basis: What it was judged by: a model, a cold start, rules alone; None: not told.
        weights: What moved the model's score the most towards harm, in English and then in Chinese;
            empty where no model scored.
        reasons: Why, in English and then in Chinese, as officers read it.
    """

    scenario: Scenario
    tried: str
    tries: int
    request: dict[str, Any]
    outcome: str
    score: int | None
    risk_level: str
    basis: str | None
    reasons: tuple[str, ...]
    weights: tuple[str, ...] = ()


def try_each(found: dict[Scenario, list[Paid]], post: Post) -> tuple[Kind, ...]:
    """Return one payment of each kind: the first with the strongest outcome that there was."""
    return tuple(_try(scenario, some[:TRIES_MAX], post) for scenario, some in found.items())


def _try(scenario: Scenario, some: Sequence[Paid], post: Post) -> Kind:
    shown, answer, tries = some[0], post(some[0], "en"), 1
    for number, paid in enumerate(some[1:], start=2):
        if answer["outcome"] == STRONGEST:
            break
        found = post(paid, "en")
        # The last one stands for those that nobody stops.
        if STRENGTH[found["outcome"]] > STRENGTH[answer["outcome"]] or answer["outcome"] == WEAKEST:
            shown, answer, tries = paid, found, number
    chinese = post(shown, "zh")
    assessment = answer["assessment"]
    reasons = [
        one["text"]
        for told in (assessment, chinese["assessment"])
        for one in told["reasons"][:REASONS_MAX]
    ]
    return Kind(
        scenario=scenario,
        tried=_told(shown, tries),
        tries=tries,
        request=shown.body,
        outcome=answer["outcome"],
        score=assessment["score"],
        risk_level=assessment["risk_level"],
        basis=(assessment.get("explanation") or {}).get("basis"),
        reasons=tuple(reasons),
        weights=(
            *_weights(assessment, "{name}: {value}, usually {typical} (+{weight:.1f})"),
            *_weights(chinese["assessment"], "{name}: {value}, 通常为 {typical} (+{weight:.1f})"),
        ),
    )


def _weights(assessment: dict[str, Any], form: str) -> list[str]:
    """Return the inputs that spoke for harm the most, in the answer's language."""
    explanation = assessment.get("explanation") or {}
    found = [one for one in explanation.get("contributions") or () if one["contribution"] > 0.0]
    found.sort(key=lambda one: -one["contribution"])
    return [_weight(one, form) for one in found[:WEIGHTS_MAX]]


def _weight(one: dict[str, Any], form: str) -> str:
    name = str(one["text"] or one["feature"]).rstrip(".。")
    weight, value, typical = one["contribution"], one["value"], one["typical"]
    if value is None or typical is None:
        return f"{name} (+{weight:.1f})"
    return form.format(name=name, value=value, typical=typical, weight=weight)


def _told(paid: Paid, tries: int) -> str:
    """Return what was done, in one line."""
    body = paid.body
    who, payee = body["payer"].get("payer_id", "a guest"), body["payee"]["name"]
    money = f"{body['amount']['value'] / 100:,.2f} yuan"
    match paid.scenario:
        case "card_testing":
            return f"a thief tries stolen cards at {payee}: no. {tries} with {money}"
        case "takeover":
            return f"a thief signs in as {who}, on a new phone abroad: {money} to {payee}"
        case "scam":
            how = " while on the phone" if body["device"]["call_active"] else ""
            return f"{who} is talked into sending {money} to a stranger{how}"
        case _:
            return f"{who} pays {payee} {money}, as on most days"
