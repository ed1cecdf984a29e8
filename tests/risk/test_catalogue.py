"""The generated pages name everything that the engine runs."""

from risk.catalogue import features_markdown, policy_markdown


def test_every_feature_is_on_its_page_with_both_meanings(strategy) -> None:
    page = features_markdown(strategy.features)

    for feature in strategy.features.features:
        assert f"| `{feature.name}` |" in page
        assert feature.meaning.en in page
        assert feature.meaning.zh in page


def test_every_preset_is_on_its_page_with_its_sources(strategy) -> None:
    page = policy_markdown(strategy)

    for preset in strategy.presets.values():
        assert f"## Preset {preset.code}" in page
        assert preset.not_covered.en in page
        for source in preset.sources:
            assert f"| {source.figure} | {source.source} |" in page


def test_the_limit_on_speed_and_the_ladder_are_on_the_page(strategy) -> None:
    page = policy_markdown(strategy)

    assert strategy.velocity.code in page
    assert "| pre_payment | 30 | decline |" in page
    assert "| 2 | passkey, password+otp, spc | three_ds |" in page


def test_pages_end_with_one_line_break_and_have_whole_tables(strategy) -> None:
    for page in (features_markdown(strategy.features), policy_markdown(strategy)):
        assert page.endswith(("|\n", "。\n"))
        assert "\n\n\n" not in page
