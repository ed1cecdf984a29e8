"""Pages that are rendered from the code. Run as a module it writes them; the tests compare.

    uv run python -m tests.architecture.pages

A new page is one entry of PAGES; it counts from the day on which its source is in the tree.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.architecture import names
from tests.architecture.house import ROOT


@dataclass(frozen=True, kw_only=True)
class Page:
    """One rendered page.

    Attributes:
        path: Where it lies.
        source: The file that renders it.
        render: Returns its text.
    """

    path: str
    source: str
    render: Callable[[], str]


def features() -> str:
    """Return every feature with its meaning in both languages."""
    found = importlib.import_module("risk.feature").load_features()
    return str(importlib.import_module("risk.catalogue").features_markdown(found))


def policy() -> str:
    """Return the ladder, the limits and the presets with their sources."""
    strategy = importlib.import_module("risk.strategy").load_strategy()
    return str(importlib.import_module("risk.catalogue").policy_markdown(strategy))


def starter_rules() -> str:
    """Return every starter rule with its meaning in both languages."""
    strategy = importlib.import_module("risk.strategy").load_strategy()
    return str(importlib.import_module("risk.rules.catalogue").starter_markdown(strategy.rules))


def rule_fields() -> str:
    """Return every fact and circumstance that rules may read."""
    found = importlib.import_module("risk.feature").load_features()
    fields = importlib.import_module("risk.rules.fields").make_fields(found)
    return str(importlib.import_module("risk.rules.catalogue").fields_markdown(fields))


def errors() -> str:
    """Return every problem and field error with its texts in both languages."""
    texts, statuses = names.problem_texts(), names.problem_statuses()
    lines = [
        "# Errors",
        "",
        "Rendered from the code and its texts; a test compares. An error is problem details",
        "(RFC 9457). Branch on `code`: codes are never renamed. Texts may change, and never repeat",
        "what was sent.",
        "",
        "## Problems",
        "",
        "| code | status | what is wrong | what to do next | 说明 | 处理方法 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for code, said in sorted(texts["problems"].items()):
        title, then = said["title"], said["next"]
        row = (f"`{code}`", statuses.get(code), title["en"], then["en"], title["zh"], then["zh"])
        lines.append(f"| {' | '.join(map(str, row))} |")
    lines += ["", "## In `errors`", "", "| code | what is wrong | 说明 |", "| --- | --- | --- |"]
    for code, said in sorted(texts["errors"].items()):
        lines.append(f"| `{code}` | {said['en']} | {said['zh']} |")
    return "\n".join([*lines, ""])


def entries() -> str:
    """Return every kind of audit entry with what it records."""
    lines = [
        "# Kinds of audit entries",
        "",
        "Rendered from `AUDIT_KINDS` in the code; a test compares. The catalogue is closed: a kind",
        "is `subject.action` in the past tense and never renamed. Who, when, from where, success",
        "or failure, and what was touched stand in every entry besides the fields named here.",
        "",
        "| kind | what it records |",
        "| --- | --- |",
    ]
    described = sorted(names.described_kinds().items())
    lines += [f"| `{kind}` | {meaning} |" for kind, meaning in described]
    return "\n".join([*lines, ""])


def payment_states() -> str:
    """Return the table of a payment's moves with its diagram."""
    return str(importlib.import_module("service.rooms.payments.moves").markdown())


def openapi() -> str:
    """Return the OpenAPI document as a running service serves it, indented."""
    return str(importlib.import_module("service.wsgi").openapi(), "utf-8") + "\n"


def api() -> str:
    """Return docs/api.md with the examples that the service answers today."""
    return str(importlib.import_module("tests.contract.page").render())


PAGES: Final = [
    page
    for page in (
        Page(path="docs/features.md", source="risk/catalogue.py", render=features),
        Page(path="docs/entries.md", source="service/unit_of_work/faults.py", render=entries),
        Page(path="docs/errors.md", source=names.TEXTS_AT, render=errors),
        Page(
            path="docs/payment-states.md",
            source="service/rooms/payments/moves.py",
            render=payment_states,
        ),
        Page(path="docs/policy.md", source="risk/catalogue.py", render=policy),
        Page(path="docs/starter-rules.md", source="risk/rules/catalogue.py", render=starter_rules),
        Page(path="docs/rule-fields.md", source="risk/rules/catalogue.py", render=rule_fields),
        Page(path="docs/openapi.json", source="service/wsgi.py", render=openapi),
        Page(path="docs/api.md", source="service/wsgi.py", render=api),
    )
    if (ROOT / page.source).is_file()
]


def main() -> None:
    """Write every page."""
    for page in PAGES:
        (ROOT / page.path).write_text(page.render())


if __name__ == "__main__":
    main()
