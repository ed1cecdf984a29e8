import itertools

import pytest

from risk.simulation.deeds import Deed
from risk.simulation.draws import Draws
from risk.simulation.frauds.scam import Mules, lead
from risk.simulation.people import Payer, settle
from risk.simulation.shapes import LEVELS, read_world

START = 1_767_542_400


def led(level: int) -> list[tuple[Payer, list[Deed]]]:
    world = read_world()
    people = settle(world, Draws(1, "people"), count=60, start=START, days=7)
    mules, draws = Mules(world, people), Draws(1, "fraud")
    return [
        (
            payer,
            list(
                lead(
                    world,
                    draws,
                    level=level,
                    second=START,
                    payer=payer,
                    mule=mules.next(draws, level),
                )
            ),
        )
        for payer in people.payers
    ]


@pytest.mark.parametrize("level", LEVELS)
def test_the_payer_s_own_phone_sends_growing_sums_to_one_stranger(level: int) -> None:
    for payer, deeds in led(level):
        assert {one.device for one in deeds} == {payer.devices[0]}
        assert len({one.payee for one in deeds}) == 1
        assert deeds[0].payee not in payer.people
        first = [one.amount_minor for one in deeds[:2]]
        assert first == sorted(first)
        assert all(before.second < after.second for before, after in itertools.pairwise(deeds))


def test_a_plain_one_is_led_on_the_phone_and_its_account_takes_from_many() -> None:
    plain, hard = led(1), led(3)

    assert sum(deeds[0].has_call for _, deeds in plain) > len(plain) // 2
    assert sum(deeds[0].has_call for _, deeds in hard) < len(hard) // 4
    assert len({deeds[0].payee for _, deeds in plain}) < len(plain) // 5
    assert len({deeds[0].payee for _, deeds in hard}) == len(hard)
