"""The comparison of rule engines runs, agrees on the hits, and says what is not there."""

import pytest

from bench.rules import FIELDS, HITS, RULES, Case, compared, ours, runner
from bench.tables import status
from risk.rules.tree import fields_of


def test_the_table_has_a_row_for_each_record_and_names_what_is_not_installed() -> None:
    text = compared(1, {})

    assert text.count("| ours |") == len(HITS)
    assert "Not installed: C++ CEL, zen-engine." in text


def test_an_engine_that_takes_as_long_as_ours_misses_both_goals() -> None:
    text = compared(1, dict.fromkeys(("zen-engine", "C++ CEL"), ("", "msgspec", ours)))

    assert (text.count(">= 25: missed"), text.count(">= 8: missed")) == (len(HITS), len(HITS))
    assert status(text) == 1


@pytest.mark.parametrize("hits", HITS)
def test_ours_names_exactly_the_rules_that_the_record_was_made_to_hit(hits: int) -> None:
    assert ours(Case(hits))() == list(range(hits))


@pytest.mark.parametrize("hits", HITS)
def test_every_field_is_read_and_each_reason_shows_what_its_condition_reads(hits: int) -> None:
    rules = runner(Case(hits)).ready

    assert len(rules) == RULES
    assert [set(one.slots) for one in rules] == [set(fields_of(one.node)) for one in rules]
    assert len({name for one in rules for name in one.slots}) == FIELDS
