"""Payments that are what they seem, those among them that do not seem so. No fraud is made here."""

import datetime as dt
import math
from collections.abc import Iterator
from typing import Final

from risk.simulation.deeds import Deed, amount
from risk.simulation.draws import Draws
from risk.simulation.people import DAY_S, Card, Device, Payee, Payer, People
from risk.simulation.shapes import Calendar, World

HOUR_S: Final = 3_600
NEAR_PEAK_H: Final = 2.2
ABROAD: Final = ("JP", "TH", "SG", "MY", "KR")
USUAL_SIGN_IN_S: Final = 400
STRANGER_SHARE: Final = 0.5
NAME_CHECKS: Final = ("match",) * 16 + ("close_match",) + ("unavailable",) * 3


def day_factor(calendar: Calendar, day: dt.date, number: int) -> float:
    """Return how many payments a day has, as a factor of a usual one.

    Args:
        calendar: How days differ.
        day: The local date.
        number: Days since the world began.
    """
    factor = calendar.weekday[day.weekday()] * (1.0 + calendar.growth_per_day * number)
    if 0 <= day.day - calendar.salary_day_of_month < calendar.salary_days:
        factor *= calendar.salary
    if number % calendar.promotion_every_days == calendar.promotion_every_days - 1:
        factor *= calendar.promotion
    return factor


class Ordinary:
    """Makes a day's ordinary payments.

    Args:
        world: Its parameters.
        people: Those who pay; what happens to them is kept there.
        draws: Chance.
    """

    def __init__(self, world: World, people: People, draws: Draws) -> None:
        self._world = world
        self._people = people
        self._draws = draws

    def day(self, start: int, factor: float) -> Iterator[Deed]:
        """Yield the payments of one day, payer by payer.

        Args:
            start: Local midnight, in seconds since 1970.
            factor: Of a usual day.
        """
        for payer in self._people.payers:
            if payer.joined >= start + DAY_S:
                continue
            self._live(payer, start)
            for _ in range(self._draws.poisson(payer.rate * factor)):
                second = start + self._second(payer)
                if second >= payer.joined:
                    yield self._payment(payer, second)

    def usual(self, payer: Payer, second: int) -> Deed:
        """Return a payment as this payer makes most of them; nothing is left to chance."""
        return Deed(
            second=second,
            amount_minor=amount(payer.usual_minor * payer.shops[0].price),
            payee=payer.shops[0],
            card=payer.cards[0],
            device=payer.devices[0],
            ip=payer.home,
            payer=payer,
            contact_changed=payer.contact_changed,
            signed_in_s=USUAL_SIGN_IN_S,
        )

    def _live(self, payer: Payer, start: int) -> None:
        """Let happen what happens to a payer in a day besides payments."""
        draws, told = self._draws, self._world.innocent
        if draws.chance(told.travel_per_day) and payer.away_until <= start:
            payer.away_until = start + draws.whole(2, 8) * DAY_S
            payer.away_ip = f"203.0.113.{draws.below(250)}"
            payer.away_country = draws.pick(ABROAD)
        if draws.chance(told.new_phone_per_day):
            payer.devices[0] = self._people.phone(draws)
            # Who moves to a new phone often gives a new number, too.
            if draws.chance(STRANGER_SHARE):
                payer.contact_changed = start + draws.below(DAY_S)
        if draws.chance(told.contact_change_per_day):
            payer.contact_changed = start + draws.below(DAY_S)

    def _second(self, payer: Payer) -> int:
        """Return a second of the day, near one of the payer's usual hours."""
        draws = self._draws
        if draws.chance(self._world.innocent.night_share):
            return draws.below(DAY_S)
        peak = payer.peaks_h[draws.below(2)] + NEAR_PEAK_H * draws.normal()
        return int(math.fmod(peak + 24.0, 24.0) * HOUR_S) % DAY_S

    def _payment(self, payer: Payer, second: int) -> Deed:
        draws, told = self._draws, self._world.payees
        if draws.chance(told.guest_share):
            return self._guest(payer, second)
        if draws.chance(told.transfer_share):
            return self._transfer(payer, second)
        shop = draws.favourite(payer.shops)
        if draws.chance(told.new_shop_share):
            shop = draws.favourite(self._people.shops)
        minor = draws.lognormal(payer.usual_minor * shop.price, self._world.payers.own_spread)
        if draws.chance(told.till_share):
            return self._at_till(payer, second, shop, amount(minor))
        if draws.chance(self._world.innocent.big_purchase_share):
            minor *= draws.between(3, 9)
        return self._made(payer, second, shop, amount(minor))

    def _transfer(self, payer: Payer, second: int) -> Deed:
        draws, told = self._draws, self._world.innocent
        person = draws.favourite(payer.people)
        usual = payer.usual_minor * person.price
        if draws.chance(self._world.payees.new_person_share):
            # Some collect for many: landlords, clubs, group buyers.
            person = draws.favourite(self._people.persons)
            payer.people.append(person)
        if draws.chance(told.to_savings_share / self._world.payees.transfer_share):
            own = Payee(
                payee_id=f"savings-{payer.payer_id}", type="self", name="Savings", mcc=None, price=1
            )
            minor = payer.balance_minor * draws.between(0.1, 0.9)
            return self._made(payer, second, own, amount(minor))
        minor = draws.lognormal(usual, self._world.payers.own_spread)
        if draws.chance(told.rent_share / self._world.payees.transfer_share):
            minor = payer.balance_minor * draws.between(0.08, 0.5)
        return self._made(payer, second, person, amount(minor))

    def _made(self, payer: Payer, second: int, payee: Payee, minor: int) -> Deed:
        draws, told = self._draws, self._world
        is_away = second < payer.away_until
        is_person = payee.type == "person"
        if is_person and payee.payee_id not in payer.added:
            # Most are added just before they are paid for the first time.
            payer.added[payee.payee_id] = second - int(draws.lognormal(600, 1.6))
        is_added_told = is_person and draws.chance(told.payers.added_at_told_share)
        return Deed(
            second=second,
            amount_minor=minor,
            payee=payee,
            card=self._card(payer),
            device=self._device(payer),
            ip=payer.away_ip if is_away else self._ip(payer),
            payer=payer,
            country=payer.away_country if is_away else "CN",
            name_check=draws.pick(NAME_CHECKS) if is_person else None,
            payee_added=min(payer.added[payee.payee_id], second) if is_added_told else None,
            contact_changed=payer.contact_changed,
            signed_in_s=int(draws.lognormal(400, 1.2)),
            has_call=draws.chance(told.innocent.call_share),
            has_remote=draws.chance(told.innocent.remote_share),
            balance_minor=self._balance(payer, minor),
        )

    def _at_till(self, payer: Payer, second: int, shop: Payee, minor: int) -> Deed:
        """Return a purchase in the shop itself: little is told of it, and nobody far away robs."""
        return Deed(
            second=second,
            amount_minor=minor,
            payee=shop,
            card=self._card(payer),
            device=payer.devices[0],
            ip=payer.mobile,
            payer=payer,
            tells="ids" if self._draws.chance(0.5) else "least",
        )

    def _guest(self, payer: Payer, second: int) -> Deed:
        """Return a purchase without an account: by a payer of ours, or by a stranger."""
        draws, people = self._draws, self._people
        shop = draws.favourite(people.shops)
        is_stranger = draws.chance(STRANGER_SHARE)
        usual = payer.usual_minor * shop.price
        return Deed(
            second=second,
            amount_minor=amount(draws.lognormal(usual, self._world.payers.own_spread)),
            payee=shop,
            card=people.card(draws, second) if is_stranger else self._card(payer),
            device=people.phone(draws) if is_stranger else self._device(payer),
            ip=f"192.0.2.{draws.below(120)}" if is_stranger else self._ip(payer),
            payer=None,
            email=f"guest.{people.number()}@example.net" if is_stranger else payer.email,
            has_call=draws.chance(self._world.innocent.call_share),
        )

    def _device(self, payer: Payer) -> Device:
        return self._draws.favourite(payer.devices)

    def _card(self, payer: Payer) -> Card:
        return self._draws.favourite(payer.cards)

    def _ip(self, payer: Payer) -> str:
        return payer.home if self._draws.chance(0.6) else payer.mobile

    def _balance(self, payer: Payer, minor: int) -> int | None:
        draws = self._draws
        if not draws.chance(self._world.payers.balance_told_share):
            return None
        return minor + int(payer.balance_minor * draws.between(0.1, 1.2))
