import pytest

from risk.simulation.deeds import Deed
from risk.simulation.draws import Draws
from risk.simulation.frauds.card_testing import test_cards as tries_of
from risk.simulation.people import settle
from risk.simulation.shapes import LEVELS, read_world

START = 1_767_542_400


def burst(level: int) -> list[Deed]:
    world = read_world()
    people = settle(world, Draws(1, "people"), count=20, start=START, days=7)
    return list(tries_of(world, people, Draws(1, "fraud"), level=level, second=START))


@pytest.mark.parametrize("level", LEVELS)
def test_one_burst_is_small_sums_with_many_cards_of_one_bin_at_one_shop(level: int) -> None:
    deeds = burst(level)
    low, high = read_world().card_testing.level[level].amount_minor

    assert len({one.card.instrument_id for one in deeds}) == len(deeds) > 5
    assert len({(one.card.bin, one.payee.payee_id) for one in deeds}) == 1
    assert all(low <= one.amount_minor <= high and one.payer is None for one in deeds)


def test_the_harder_level_is_slower_and_changes_devices() -> None:
    easy, hard = burst(1), burst(3)

    assert len({one.device for one in easy}) == 1
    assert len({one.device for one in hard}) == len(hard)
    assert easy[-1].second - easy[0].second < hard[1].second - hard[0].second + 3_000
    assert len({one.ip for one in hard}) == len(hard)
