"""The generated pages name every starter rule and every field."""

from risk.rules.catalogue import fields_markdown, starter_markdown


def test_every_starter_rule_is_on_its_page_in_both_languages(strategy) -> None:
    page = starter_markdown(strategy.rules)

    for rule in strategy.rules:
        assert f"## `{rule.code}`" in page
        for text in (rule.meaning.en, rule.meaning.zh, rule.reason.en, rule.reason.zh):
            assert text in page
        assert rule.when.strip() in page


def test_every_field_that_is_no_feature_is_on_its_page(fields) -> None:
    page = fields_markdown(fields)

    for name, field in fields.by_name.items():
        assert (f"| `{name}` |" in page) == (field.source != "feature" and ":" not in name)
