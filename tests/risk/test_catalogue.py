"""The generated pages name everything that the engine runs."""

from pathlib import Path

from risk.catalogue import features_markdown, policy_markdown


def test_every_feature_is_on_its_page_with_both_meanings(strategy) -> None:
    page = features_markdown(strategy.features)

    for feature in strategy.features.features:
        assert f"| `{feature.name}` |" in page
        assert feature.meaning.en in page
        assert feature.meaning.zh in page


EVERY = ["pre_payment", "in_flight", "post_payment", "payout"]
COLUMNS = ("name", "of", "window", "unit", "stages", "source", "version", "meaning", "含义")


def test_each_row_of_the_page_says_what_its_feature_is(strategy) -> None:
    """The page as it is kept, read back: what it says is held to what the engine computes."""
    page = (Path(__file__).parents[2] / "docs" / "features.md").read_text()
    cells = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.splitlines()
        if line.startswith("|")
    ]
    [header, _, *rows] = cells

    assert tuple(header) == COLUMNS
    assert [row[0].strip("`") for row in rows] == list(strategy.features.names)
    for row, feature in zip(rows, strategy.features.features, strict=True):
        said = dict(zip(COLUMNS, row, strict=True))
        entity, _, of = said["of"].partition(" with ")
        assert (entity, of or None) == (feature.entity, feature.of)
        window, _, unit = said["window"].replace(",", "").partition(" ")
        assert (window, unit) == ((str(feature.window_s), "s") if feature.window_s else ("-", ""))
        assert said["unit"] == feature.unit
        stages = EVERY if said["stages"] == "all" else said["stages"].split(", ")
        assert stages == list(feature.stages)
        assert said["source"] == feature.source
        assert int(said["version"]) == feature.version


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


def test_what_protection_does_today_is_on_the_page_in_both_languages(strategy) -> None:
    page = policy_markdown(strategy)

    assert "No command sets a payer's own limit yet" in page
    assert "目前没有设置付款人个人限额的命令" in page
    assert "above their own limit (none yet) | 4 |" in page


def test_pages_end_with_one_line_break_and_have_whole_tables(strategy) -> None:
    for page in (features_markdown(strategy.features), policy_markdown(strategy)):
        assert page.endswith(("|\n", "。\n"))
        assert "\n\n\n" not in page
