"""Card testing: one actor tries many stolen cards of one BIN with small amounts. Makes no other."""

from collections.abc import Iterator

from risk.simulation.deeds import Deed
from risk.simulation.draws import Draws
from risk.simulation.people import BINS, People
from risk.simulation.shapes import World


def test_cards(
    world: World, people: People, draws: Draws, *, level: int, second: int
) -> Iterator[Deed]:
    """Yield the tries of one burst, which begins at `second`."""
    how = world.card_testing.level[level]
    shop, kind = draws.favourite(people.shops), draws.pick(BINS)
    device, ip = people.phone(draws), _ip(draws, level)
    for number in range(draws.whole(*how.tries)):
        if number and number % how.tries_per_device == 0:
            device = people.phone(draws)
        if number % how.tries_per_address == 0:
            ip = _ip(draws, level)
        yield Deed(
            second=second,
            amount_minor=draws.whole(*how.amount_minor),
            payee=shop,
            card=people.card(draws, second, kind),
            device=device,
            ip=ip,
            payer=None,
            email=f"guest.{people.number()}@example.net",
        )
        second += int(draws.between(*how.gap_s))


def _ip(draws: Draws, level: int) -> str:
    """Return a rented address; at the highest level one that looks like a home."""
    if level == max(1, 2, 3):
        return f"2001:db8:{0x9000 + draws.below(4_000):x}:1::1"
    return f"198.51.100.{draws.below(250)}"
