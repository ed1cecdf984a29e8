"""Push-payment scam: a payer is led to pay a stranger themselves, from their own phone."""

from collections.abc import Iterator

from risk.simulation.deeds import Deed, amount
from risk.simulation.draws import Draws
from risk.simulation.people import Payee, Payer, People
from risk.simulation.shapes import World


class Mules:
    """Accounts that take what victims send; one takes from several where the level says so."""

    def __init__(self, world: World, people: People) -> None:
        self._world = world
        self._people = people
        self._last: dict[int, tuple[Payee, int]] = {}

    def next(self, draws: Draws, level: int) -> Payee:
        """Return the account for one more victim."""
        payee, victims = self._last.get(level, (None, 0))
        if payee is None or victims >= self._world.scam.level[level].victims_per_payee:
            payee, victims = self._people.person(draws), 0
        self._last[level] = (payee, victims + 1)
        return payee


def lead(
    world: World, draws: Draws, *, level: int, second: int, payer: Payer, mule: Payee
) -> Iterator[Deed]:
    """Yield what one victim sends, growing, the first at `second`."""
    how = world.scam.level[level]
    left = payer.balance_minor
    wanted = left * draws.between(*how.first_share)
    has_call, has_remote = draws.chance(how.call_share), draws.chance(how.remote_share)
    added = second - draws.whole(60, 1_800)
    for _ in range(draws.whole(*how.payments)):
        minor = amount(min(wanted, left * 0.9))
        is_told = draws.chance(world.payers.added_at_told_share)
        is_balance_told = draws.chance(world.payers.balance_told_share)
        yield Deed(
            second=second,
            amount_minor=minor,
            payee=mule,
            card=draws.favourite(payer.cards),
            device=payer.devices[0],
            ip=payer.home if draws.chance(0.7) else payer.mobile,
            payer=payer,
            name_check="close_match" if draws.chance(0.12) else "match",
            payee_added=added if is_told else None,
            contact_changed=payer.contact_changed,
            # Slow: every step is explained on the phone.
            signed_in_s=int(draws.lognormal(900, 0.8)),
            has_call=has_call,
            has_remote=has_remote,
            balance_minor=max(int(left), minor) if is_balance_told else None,
        )
        left = max(left - minor, minor)
        wanted *= how.growth
        second += int(draws.between(*how.gap_s))
