"""What differs between two strategies is named place by place."""

import msgspec

from risk.strategy_changes import Difference, differences
from risk.strategy_content import packaged, read_content

OWN = read_content(packaged().content)
change = msgspec.structs.replace


def test_equal_strategies_do_not_differ():
    assert differences(OWN, OWN) == ()


def test_each_changed_place_is_named():
    first = change(OWN.velocity.at[0], at_least=7)
    velocity = change(OWN.velocity, at=(first, *OWN.velocity.at[1:]))
    about = change(OWN.about, notes="tighter")

    found = differences(OWN, change(OWN, velocity=velocity, about=about))

    assert [one.path for one in found] == ["about.notes", "velocity.at.pre_payment.at_least"]
    assert found[1] == Difference(
        path="velocity.at.pre_payment.at_least",
        before=str(OWN.velocity.at[0].at_least),
        after="7",
    )


def test_one_preset_less_is_one_difference():
    found = differences(OWN, change(OWN, presets=OWN.presets[1:]))

    assert [one.path for one in found] == [f"presets.{OWN.presets[0].code}"]
    assert found[0].after is None
