import re
from pathlib import Path

import click
import msgspec
import pytest

from service.cli.kinds import TRIES_MAX
from service.cli.story import Ready
from service.cli.welcome import WIDTH, text_of
from tests.support.terminal import Told

ROOT = Path(__file__).resolve().parents[3]
# What differs from run to run.
VARYING = re.compile(
    r'(?<="index": )\d+|'
    r"(?<=_)[0-9A-Z]{26}|(?<=str_)[0-9a-f]+|eyJ\w+|[0-9a-f]{64}|\d{4}-\d\d-\d\dT[\d:.]+Z|[\d.]+ ms"
)

CHINESE = re.compile("[\u4e00-\u9fff]")


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


@pytest.mark.long
def test_one_payment_of_each_kind_is_shown_with_its_reasons(told: Told) -> None:
    printed = shown(told)

    kinds = {one["scenario"]: one for one in told.said["kinds"]}
    assert list(kinds) == ["ordinary", "card_testing", "takeover", "scam"]
    outcomes = {name: one["outcome"] for name, one in kinds.items()}
    assert outcomes["ordinary"] == "approve"
    assert outcomes["card_testing"] in {"decline", "hold"}
    assert "approve" not in {outcomes["takeover"], outcomes["scam"]}
    for one in kinds.values():
        assert f"score {one['score']} of 1,000" in printed
        assert all(f"- {reason}" in printed for reason in one["reasons"])
    # A thief is stopped after some tries, and it is said after how many.
    assert 1 < kinds["card_testing"]["tries"] <= TRIES_MAX
    assert f"no. {kinds['card_testing']['tries']} with" in printed


@pytest.mark.long
def test_what_is_fraud_is_shown_with_what_spoke_for_it_in_both_languages(told: Told) -> None:
    printed = shown(told)

    for one in told.said["kinds"][1:]:
        for texts in (one["reasons"], one["weights"]):
            half = len(texts) // 2
            assert half > 0
            assert not any(map(CHINESE.search, texts[:half]))
            assert all(map(CHINESE.search, texts[half:]))
        assert all(f"+ {weight}" in printed for weight in one["weights"])


@pytest.mark.long
def test_what_was_stopped_besides_is_shown_in_both_languages(told: Told) -> None:
    printed = shown(told)

    assert [one["outcome"] for one in told.said["stopped"]] == ["hold"]
    assert "97% of the balance of 10,000.00 CNY goes to a new payee" in printed
    assert "余额 10,000.00 CNY 中的 97% 转给新收款人" in printed
