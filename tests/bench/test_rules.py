"""The comparison of rule engines runs, agrees on the hits, and says what is not there."""

from bench.rules import HITS, Case, compared, ours


def test_the_table_has_a_row_for_each_record_and_names_what_is_not_installed() -> None:
    text = compared(1)

    assert text.count("| ours |") == len(HITS)
    assert "Not installed: " in text or "cel-expr-python" in text


def test_ours_names_exactly_the_rules_that_the_record_was_made_to_hit() -> None:
    for hits in HITS:
        assert ours(Case(hits))() == list(range(hits))
