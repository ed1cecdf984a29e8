"""What a newcomer sees when the demo is ready: a request, its answer, lines to paste. Pure text."""

import json
from collections.abc import Iterator
from typing import Any, Final

import click

from service.cli.history import Seeded
from service.cli.learning import Learned
from service.cli.story import Ready

WIDTH: Final = 88
TOKEN_SHOWN: Final = 40
COLOURS: Final = {
    "approve": "green",
    "challenge": "yellow",
    "review": "yellow",
    "hold": "red",
    "decline": "red",
}
OUTCOME_CHARS: Final = max(map(len, COLOURS))
UNDER: Final = " " * (OUTCOME_CHARS + 2)
GONE_BACK: Final = (
    "From here on the strategy without the model decides again, as after `payguard strategy back`:"
    "\nof the shops below the model has learnt nothing."
)
PAST: Final = {
    "approve": "approved",
    "challenge": "challenged",
    "review": "sent to review",
    "hold": "held",
    "decline": "declined",
}
NAMES: Final = {
    "ordinary": "ordinary",
    "card_testing": "card testing",
    "takeover": "take-over",
    "scam": "scam",
}


def text_of(ready: Ready) -> str:
    """Return what a newcomer sees: a request, its answer, and lines to paste."""
    took = click.style(f"({ready.answer_ms} ms; shortened)", dim=True)
    address = click.style(f"READY  {ready.url}", fg="green", bold=True)
    parts = [
        "",
        f"{_bold('POST /v1/payments')}  Lin pays the kite shop 380.00 yuan",
        _written(ready.request),
        "",
        f"{_bold('201')}  approved, with the token that its execution will spend {took}",
        _written(_shortened(ready.answer)),
        "",
        f"{address}  Paste any line into another terminal; Ctrl-C here ends it.",
        click.style("-K names a file that carries the shop's key.", dim=True),
    ]
    parts += _kinds(ready)
    if ready.stopped:
        parts.append(f"\n{_bold('## stopped as well')}")
    for stopped in ready.stopped:
        parts.append(f"{_coloured(stopped.outcome)}  {stopped.tried}")
        parts += [f"{UNDER}- {reason}" for reason in stopped.reasons]
    titles = {shop.name: f'shop "{shop.name}", preset {shop.preset}' for shop in ready.shops}
    group = ""
    for one in ready.lines:
        if one.group != group:
            group = one.group
            parts.append(f"\n{_bold(f'## {titles.get(group, group)}')}")
        parts += [click.style(f"# {one.title}", fg="cyan"), one.line]
    return "\n".join(parts)


def told_of(history: Seeded) -> str:
    """Return in one line what a shop lived through."""
    counts = ", ".join(f"{count:,} {PAST[name]}" for name, count in history.outcomes.items())
    return (
        f"{history.payments:,} payments judged in {history.seconds:.1f} s ({counts}),"
        f" {history.labels:,} labels told"
    )


def learnt_of(learned: Learned) -> str:
    """Return in one line what came of the training."""
    if learned.why_not is not None:
        return f"no model, so it goes on by cold start: {learned.why_not}"
    frauds = ", ".join(f"{count:,} {kind}" for kind, count in learned.frauds.items())
    return f"a model of {learned.payments:,} payments ({frauds}) decides; origin: {learned.origin}"


def _kinds(ready: Ready) -> Iterator[str]:
    """Yield the lines that show one payment of each kind."""
    if ready.history is None:
        return
    yield f"\n{_bold('## one payment of each kind, with the reasons an officer reads')}"
    yield click.style(f"after {ready.history.days} days: {told_of(ready.history)}", dim=True)
    if ready.learned is not None:
        yield click.style(learnt_of(ready.learned), dim=True)
    for kind in ready.kinds:
        found = "" if kind.score is None else f"  score {kind.score:,} of 1,000"
        head = f"{_coloured(kind.outcome)}  {_bold(NAMES[kind.scenario])}"
        yield f"{head}{click.style(found, dim=True)}"
        yield f"{UNDER}{kind.tried}"
        yield from (f"{UNDER}- {reason}" for reason in kind.reasons)
        if kind.weights:
            yield click.style(f"{UNDER}what spoke for harm the most, in log odds", dim=True)
            yield from (click.style(f"{UNDER}+ {one}", dim=True) for one in kind.weights)
    if ready.learned is not None and ready.learned.strategy is not None:
        yield click.style(GONE_BACK, dim=True)


def _coloured(outcome: str) -> str:
    """Return an outcome as people see it at once, padded so that what follows stands in line."""
    return click.style(f"{outcome.upper():<{OUTCOME_CHARS}}", fg=COLOURS[outcome], bold=True)


def _shortened(answer: dict[str, Any]) -> dict[str, Any]:
    assessment, token = answer["assessment"], answer["payment_token"]
    return {
        **{name: answer[name] for name in ("id", "status", "outcome", "reason_code")},
        "assessment": {name: assessment[name] for name in ("risk_level", "strategy", "reasons")},
        "payment_token": f"{token[:TOKEN_SHOWN]}...",
        **{name: answer[name] for name in ("approval_expires_at", "receipt")},
    }


def _written(value: Any, *, indent: int = 2) -> str:
    """Return a value as JSON, each part of it on one line where it fits."""
    pad = " " * indent
    flat = f"{pad}{json.dumps(value, ensure_ascii=False)}"
    if isinstance(value, dict | list) and len(flat) >= WIDTH:
        named = value.items() if isinstance(value, dict) else ((None, part) for part in value)
        parts = []
        for name, part in named:
            written = _written(part, indent=indent + 2).lstrip()
            label = "" if name is None else f"{json.dumps(name)}: "
            parts.append(f"{pad}  {label}{written}")
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        return "\n".join([f"{pad}{opening}", ",\n".join(parts), f"{pad}{closing}"])
    return flat


def _bold(text: str) -> str:
    return click.style(text, bold=True)
