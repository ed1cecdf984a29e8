import re
from pathlib import Path

import click
import msgspec

from service.cli.story import Ready
from service.cli.welcome import WIDTH, text_of
from tests.support.terminal import Told

ROOT = Path(__file__).resolve().parents[3]
# What differs from run to run.
VARYING = re.compile(
    r'(?<="index": )\d+|'
    r"(?<=_)[0-9A-Z]{26}|(?<=str_)[0-9a-f]+|eyJ\w+|[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:.]+Z|[\d.]+ ms"
)


def shown(told: Told) -> str:
    return click.unstyle(text_of(msgspec.convert(told.said, Ready)))


def test_the_readme_shows_the_request_and_answer_as_they_are_printed(told: Told) -> None:
    found = re.search(
        r"^```text\n(.*?)\n```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    printed = shown(told).partition("\nREADY")[0].strip()

    assert VARYING.sub("X", found[1]) == VARYING.sub("X", printed)


def test_the_answer_is_shown_without_its_whole_token(told: Told) -> None:
    assert told.said["answer"]["payment_token"] not in shown(told)


def test_what_is_shown_fits_a_terminal_but_for_the_lines_to_paste(told: Told) -> None:
    before = shown(told).partition("READY")[0].splitlines()

    assert not [line for line in before if len(line) > WIDTH + len('"leaf": ,')]


def test_every_line_stands_alone_under_its_title(told: Told) -> None:
    printed = shown(told).splitlines()

    for one in told.said["lines"]:
        assert printed[printed.index(one["line"]) - 1] == f"# {one['title']}"


def test_one_payment_of_each_kind_is_shown_with_its_reasons(told: Told) -> None:
    printed = shown(told)

    outcomes = {one["scenario"]: one["outcome"] for one in told.said["kinds"]}
    assert list(outcomes) == ["ordinary", "card_testing", "takeover", "scam"]
    assert outcomes["ordinary"] == "approve"
    assert {"approve"} & {
        outcome for kind, outcome in outcomes.items() if kind != "ordinary"
    } == set()
    for one in told.said["kinds"]:
        assert all(f"- {reason}" in printed for reason in one["reasons"])


def test_what_was_stopped_besides_is_shown_in_both_languages(told: Told) -> None:
    printed = shown(told)

    assert [one["outcome"] for one in told.said["stopped"]] == ["hold"]
    assert "97% of the balance of 10,000.00 CNY goes to a new payee" in printed
    assert "余额 10,000.00 CNY 中的 97% 转给新收款人" in printed
