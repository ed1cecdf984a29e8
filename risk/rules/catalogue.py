"""Starter rules and what rules may read as Markdown, from what the engine runs. Writes no file."""

from collections.abc import Iterable
from typing import get_args

import msgspec

from risk.facts import Stage
from risk.feature import EVERY_STAGE
from risk.rules.fields import Fields
from risk.rules.shapes import Rule


def starter_markdown(rules: Iterable[Rule]) -> str:
    """Return docs/starter-rules.md: each rule with what it looks for, asks and says."""
    lines = [
        "# Starter rules",
        "",
        "Generated from `risk/rules/starter`; a test compares. The language is told in",
        "[rules.md](rules.md). What a payment that was hit is told by stands in quotes; it is for",
        "officers, never for payers.",
    ]
    for rule in rules:
        level = f", level {rule.level}" if rule.level else _what(rule)
        lines += [
            "",
            f"## `{rule.code}`",
            "",
            f"Version {rule.version}, at {', '.join(rule.stages)}: `{rule.effect}`{level}.",
            "",
            "```text",
            *rule.when.strip().splitlines(),
            "```",
            "",
            f"{rule.meaning.en} “{rule.reason.en}”",
            "",
            f"{rule.meaning.zh}“{rule.reason.zh}”",
        ]
    return "\n".join([*lines, ""])


def _what(rule: Rule) -> str:
    if isinstance(rule.list, msgspec.UnsetType):
        return ""
    return f", {rule.list.entity} on {rule.list.kind} for {rule.list.hours} h"


def fields_markdown(fields: Fields) -> str:
    """Return docs/rule-fields.md: every fact and circumstance by name; features have their page."""
    lines = [
        "# What rules may read",
        "",
        "Generated from `risk/rules/fields.py`; a test compares. Besides, every feature of",
        "[features.md](features.md), and `on_list(kind, entity)` with the kinds and entities of",
        "[lists.md](lists.md). What a payment may be without stands under optional: an expression",
        "that reads it as it is fails for a payment that does not have it.",
        "",
        "| name | type | unit or values | optional | stages | meaning | 含义 |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| `{one.name}` | {one.type} | {one.unit or ', '.join(one.values) or '-'}"
        f" | {'yes' if one.is_optional else 'no'}"
        f" | {_stages(one.stages)}"
        f" | {one.meaning.en} | {one.meaning.zh} |"
        for one in fields.by_name.values()
        if one.source != "feature" and ":" not in one.name
    ]
    return "\n".join([*lines, ""])


def _stages(stages: tuple[Stage, ...]) -> str:
    if set(stages) == set(get_args(Stage)):
        return "all"
    return "all of payments" if stages == EVERY_STAGE else ", ".join(stages)
