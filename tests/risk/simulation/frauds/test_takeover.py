import pytest

from risk.simulation.deeds import Deed
from risk.simulation.draws import Draws
from risk.simulation.frauds.takeover import WINDOW_S, take_over
from risk.simulation.people import HOME_COUNTRY, Payer, settle
from risk.simulation.shapes import LEVELS, read_world

START = 1_767_542_400


def taken(level: int) -> list[tuple[Payer, list[Deed]]]:
    world = read_world()
    people = settle(world, Draws(1, "people"), count=40, start=START, days=7)
    draws = Draws(1, "fraud")
    return [
        (payer, list(take_over(world, people, draws, level=level, second=START, payer=payer)))
        for payer in people.payers
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_all_is_over_within_two_hours_and_in_the_payer_s_name(level: int) -> None:
    low, high = read_world().takeover.level[level].times_usual
    for payer, deeds in taken(level):
        assert all(START <= one.second < START + WINDOW_S for one in deeds)
        assert all(one.payer is payer for one in deeds)
        assert all(one.amount_minor <= high * payer.usual_minor + 1_000 for one in deeds)
        assert low >= 1.0


def test_the_plain_level_comes_from_a_new_phone_abroad_after_a_change_of_contact() -> None:
    found = taken(1)

    assert all(one.device not in payer.devices for payer, deeds in found for one in deeds)
    assert all(one.country != HOME_COUNTRY for _, deeds in found for one in deeds)
    changed = [deeds[0].contact_changed for _, deeds in found]
    assert sum(START - 1_500 <= (at or 0) <= START for at in changed) > len(found) // 2


def test_the_hard_level_comes_from_the_payer_s_own_device_at_home() -> None:
    found = taken(3)

    assert all(one.device in payer.devices for payer, deeds in found for one in deeds)
    assert {one.country for _, deeds in found for one in deeds} == {HOME_COUNTRY}
    assert all(deeds[0].contact_changed is None for _, deeds in found)
