"""Take-over: somebody has a payer's password or session and spends fast. Makes no other fraud."""

from collections.abc import Iterator
from typing import Final

from risk.simulation.deeds import Deed, amount
from risk.simulation.draws import Draws
from risk.simulation.ordinary import ABROAD
from risk.simulation.people import HOME_COUNTRY, Payer, People
from risk.simulation.shapes import World

WINDOW_S: Final = 7_200
AT_HOME_SHARE: Final = 0.5


def take_over(
    world: World, people: People, draws: Draws, *, level: int, second: int, payer: Payer
) -> Iterator[Deed]:
    """Yield the payments made with one payer's account within two hours from `second` on."""
    how = world.takeover.level[level]
    device = people.phone(draws) if how.has_new_device else payer.devices[0]
    ip = _ip(draws, payer, level)
    country = draws.pick(ABROAD) if how.is_abroad else HOME_COUNTRY
    signed_in = second - int(draws.between(120, 1_500))
    if draws.chance(how.contact_change_share):
        payer.contact_changed = signed_in + int((second - signed_in) * draws.between(0.3, 0.9))
    times = sorted(draws.between(0, WINDOW_S) for _ in range(draws.whole(*how.payments)))
    mule = people.person(draws)
    for number, after in enumerate(times):
        at = second + int(after - times[0])
        if draws.chance(how.known_payee_share):
            payee = draws.favourite(payer.shops)
        else:
            # Goods that sell again, or an account that passes money on.
            payee = draws.favourite(people.shops) if draws.chance(0.5) else mule
        is_person = payee.type == "person"
        is_told = is_person and draws.chance(world.payers.added_at_told_share)
        is_balance_told = draws.chance(world.payers.balance_told_share)
        minor = amount(payer.usual_minor * draws.between(*how.times_usual))
        yield Deed(
            second=at,
            amount_minor=minor,
            payee=payee,
            card=draws.favourite(payer.cards),
            device=device,
            ip=ip,
            payer=payer,
            country=country,
            name_check="match" if is_person else None,
            payee_added=at - draws.whole(30, 900) if is_told else None,
            contact_changed=payer.contact_changed,
            signed_in_s=at - signed_in,
            balance_minor=minor + int(payer.balance_minor * draws.between(0.1, 1.2) / (number + 1))
            if is_balance_told
            else None,
        )


def _ip(draws: Draws, payer: Payer, level: int) -> str:
    if level == 1:
        return f"203.0.113.{draws.below(250)}"
    if level == max(1, 2, 3) and draws.chance(AT_HOME_SHARE):
        # Through the payer's own computer, or beside it.
        return payer.home
    return f"2001:db8:{0x9000 + draws.below(4_000):x}:1::1"
