"""`payguard challenger`: it learns where labels carry a model, and says what came of it."""

from tests.support.terminal import Terminal


def test_where_no_labels_carry_a_model_nothing_is_learnt(payguard: Terminal) -> None:
    assert payguard.json("challenger", "train") == []
    assert payguard.json("challenger", "list") == []
    assert "no labels carry a model" in payguard("challenger", "train").stdout
    assert "there are no challengers" in payguard("challenger", "list").stdout
