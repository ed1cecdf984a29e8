"""A strategy: its id is its content, and data that contradict themselves are refused."""

import re
from importlib import resources
from typing import Any

import msgspec
import pytest

from risk.policy.shapes import Preset, Text
from risk.strategy import Strategy, figures, load_strategy, make_strategy, parts_of

change = msgspec.structs.replace


def remade(strategy: Strategy, **parts: Any) -> Strategy:
    return make_strategy(change(parts_of(strategy), **parts))


def test_loading_twice_gives_one_id(strategy) -> None:
    assert load_strategy().id == strategy.id
    assert re.fullmatch(r"str_[0-9a-f]{12}", strategy.id)


def test_the_order_of_presets_does_not_change_the_id(strategy) -> None:
    presets = list(strategy.presets.values())

    assert remade(strategy, presets=presets[::-1]).id == strategy.id


@pytest.mark.parametrize("part", ["ladder", "velocity", "events", "costs", "cold_start"])
def test_a_changed_part_changes_the_id(strategy, part) -> None:
    changed = change(getattr(strategy, part), version=99)

    assert remade(strategy, **{part: changed}).id != strategy.id


def test_a_changed_preset_changes_the_id(strategy) -> None:
    presets = [change(preset, version=99) for preset in strategy.presets.values()]

    assert remade(strategy, presets=presets).id != strategy.id


def test_a_strategy_survives_storage(strategy, again) -> None:
    assert again(strategy) == strategy


def test_every_preset_file_is_found(strategy) -> None:
    folder = resources.files("risk.policy") / "presets"

    assert len(strategy.presets) == len([f for f in folder.iterdir() if f.name.endswith(".toml")])


def test_every_legal_figure_has_its_source_and_every_preset_says_what_it_leaves_out(
    strategy,
) -> None:
    for preset in strategy.presets.values():
        assert {source.figure for source in preset.sources} == figures(preset)
        assert preset.not_covered.en
        assert preset.not_covered.zh


def test_the_figures_of_cn_are_those_of_the_law(strategy) -> None:
    limits = strategy.preset("CN").limits["CNY"]

    days = [(day.level, day.amount_minor_max) for day in limits.days]
    assert days == [(1, 100_000), (2, 500_000)]
    assert limits.static_qr_day_minor_max == 50_000
    assert strategy.preset("CN").day_offset_minutes == 8 * 60


def test_a_figure_without_its_source_is_refused(strategy) -> None:
    cn = strategy.preset("CN")

    with pytest.raises(ValueError, match="source line"):
        remade(strategy, presets=[change(cn, sources=cn.sources[1:])])


def test_limits_that_do_not_rise_are_refused(strategy) -> None:
    cn = strategy.preset("CN")
    limits = change(cn.limits["CNY"], days=cn.limits["CNY"].days[::-1])

    with pytest.raises(ValueError, match="rising day limits"):
        remade(strategy, presets=[change(cn, limits={"CNY": limits})])


@pytest.mark.parametrize("asks_level", [True, False])
def test_levels_and_the_word_that_they_are_asked_go_together(strategy, asks_level) -> None:
    preset = strategy.preset("judge_only" if asks_level else "CN")

    with pytest.raises(ValueError, match="where it asks for levels"):
        remade(strategy, presets=[change(preset, asks_level=asks_level)])


def test_two_presets_of_one_code_are_refused(strategy) -> None:
    with pytest.raises(ValueError, match="share a code"):
        remade(strategy, presets=[strategy.preset("CN"), strategy.preset("CN")])


def test_a_limit_on_a_feature_that_is_not_there_is_refused(strategy) -> None:
    with pytest.raises(ValueError, match="names no feature"):
        remade(strategy, velocity=change(strategy.velocity, feature="payer_luck_1h"))


def test_risk_that_asks_for_less_is_refused(strategy) -> None:
    risk = {**strategy.ladder.risk, "high": 1}

    with pytest.raises(ValueError, match="no lower level"):
        remade(strategy, ladder=change(strategy.ladder, risk=risk))


def test_a_ladder_without_one_of_its_levels_is_refused(strategy) -> None:
    levels = {level: rung for level, rung in strategy.ladder.levels.items() if level != 2}

    with pytest.raises(ValueError, match="levels 0 to 4"):
        remade(strategy, ladder=change(strategy.ladder, levels=levels))


@pytest.mark.parametrize(("any_of", "said"), [(("sms",), "unknown factor"), ((), "has no proof")])
def test_a_level_without_known_proofs_is_refused(strategy, any_of, said) -> None:
    rung = change(strategy.ladder.levels[2], any_of=any_of)

    with pytest.raises(ValueError, match=said):
        remade(strategy, ladder=change(strategy.ladder, levels={**strategy.ladder.levels, 2: rung}))


def test_a_preset_file_may_say_nothing_unheard_of(strategy) -> None:
    stored = {**msgspec.to_builtins(strategy.preset("CN")), "generous": True}

    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(stored, type=Preset)


def test_reasons_of_the_limit_on_speed_are_in_both_languages(strategy) -> None:
    assert isinstance(strategy.velocity.why, Text)
    assert strategy.velocity.why.zh


def test_a_changed_rule_changes_the_id_and_a_lost_one_too(strategy) -> None:
    changed = (change(strategy.rules[0], version=99), *strategy.rules[1:])

    ids = {strategy.id, remade(strategy, rules=changed).id, remade(strategy, rules=()).id}

    assert len(ids) == 3


def test_a_rule_that_does_not_fit_is_refused(strategy) -> None:
    wrong = change(strategy.rules[0], when="payer_mood > 1")

    with pytest.raises(ValueError, match="no feature or fact payer_mood"):
        remade(strategy, rules=(wrong,))


def test_a_strategy_changed_in_part_runs_the_rules_that_it_has(strategy) -> None:
    assert strategy.runner is strategy.runner
    assert change(strategy, rules=()).runner is not strategy.runner


def test_an_account_action_without_levels_is_refused(strategy) -> None:
    some = {name: one for name, one in strategy.events.actions.items() if name != "login"}

    with pytest.raises(ValueError, match="has its levels"):
        remade(strategy, events=change(strategy.events, actions=some))


def test_a_level_for_what_an_action_cannot_change_is_refused(strategy) -> None:
    login = change(strategy.events.actions["login"], changes={"email": 2})
    actions = strategy.events.actions | {"login": login}

    with pytest.raises(ValueError, match="what it can change"):
        remade(strategy, events=change(strategy.events, actions=actions))
