"""Who lives in the made-up world: payers with habits, payees, devices, cards. Names nobody real.

Addresses are those that RFC 5737 and RFC 3849 keep for documentation, e-mail addresses those of
RFC 2606, and BINs those of test cards that card networks and processors publish.
"""

from typing import Final

import msgspec

from risk.simulation.draws import Draws
from risk.simulation.shapes import World

DAY_S: Final = 86_400
HOME_COUNTRY: Final = "CN"
# BIN, network, funding: test cards that everybody may use.
BINS: Final = (
    ("620000", "unionpay", "debit"),
    ("620550", "unionpay", "credit"),
    ("424242", "visa", "credit"),
    ("400005", "visa", "debit"),
    ("411111", "visa", "credit"),
    ("555555", "mastercard", "credit"),
    ("520082", "mastercard", "debit"),
    ("510510", "mastercard", "prepaid"),
    ("378282", "amex", "credit"),
    ("356600", "jcb", "credit"),
)
# Category code, what a usual purchase there costs as a factor of the payer's own, name.
TRADES: Final = (
    ("5411", 0.7, "Grocer"),
    ("5812", 0.6, "Noodles"),
    ("5814", 0.4, "Tea House"),
    ("5942", 0.8, "Books"),
    ("5651", 1.6, "Clothes"),
    ("5732", 3.5, "Phones"),
    ("5816", 0.9, "Games"),
    ("4111", 0.3, "Tickets"),
    ("5945", 1.1, "Kites"),
    ("5912", 0.9, "Pharmacy"),
)
PLACES: Final = ("Harbour", "Willow", "Lantern", "Hill", "River", "Plum", "Crane", "North Gate")
FAMILY: Final = ("Lin", "Wang", "Chen", "Zhao", "Sun", "Zhou", "Wu", "Xu", "He", "Guo")
GIVEN: Final = ("Mei", "Hao", "Yun", "Jie", "Ning", "Bo", "Rui", "Qing", "Tao", "Lan")
PLATFORMS: Final = ("android", "ios", "harmonyos")
LAPTOPS: Final = ("windows", "macos")
HOUSEHOLD: Final = 2
PEAKS_H: Final = (8.5, 12.2, 18.5, 20.5)
AGE_DAYS_MAX: Final = 1_500


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A phone or computer."""

    device_id: str
    platform: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """What pays; `added` is when, in seconds since 1970."""

    instrument_id: str
    bin: str
    network: str
    funding: str
    added: int


class Payee(msgspec.Struct, frozen=True, kw_only=True):
    """Who is paid; `price` is a factor of what the payer usually pays."""

    payee_id: str
    type: str
    name: str
    mcc: str | None
    price: float


class Payer(msgspec.Struct, kw_only=True):
    """One who pays, with habits and what happens to them.

    Attributes:
        joined: When the account was made, in seconds since 1970.
        rate: Payments on a usual day.
        usual_minor: The middle one of their amounts.
        devices: The one in use first.
        cards: The usual one first.
        shops: Those they know, favourites first; so `people`.
        added: When a person was added, by payee.
        away_until: End of a journey; 0 while at home.
    """

    payer_id: str
    email: str
    is_elderly: bool
    joined: int
    rate: float
    usual_minor: float
    balance_minor: float
    peaks_h: tuple[float, float]
    devices: list[Device]
    cards: list[Card]
    shops: list[Payee]
    people: list[Payee]
    home: str
    mobile: str
    added: dict[str, int] = msgspec.field(default_factory=dict)
    contact_changed: int | None = None
    away_until: int = 0
    away_ip: str = ""
    away_country: str = ""


class People(msgspec.Struct, kw_only=True):
    """All who live there.

    Attributes:
        payers: In the order of joining: `old` first ones were there before the world began.
        made: How many devices, cards and strangers there were so far; gives them their ids.
    """

    payers: list[Payer]
    shops: list[Payee]
    persons: list[Payee]
    made: int = 0

    def number(self) -> int:
        """Return a number that nothing else has."""
        self.made += 1
        return self.made

    def phone(self, draws: Draws) -> Device:
        """Return a phone that nobody had before."""
        return Device(device_id=f"device-{self.number():05}", platform=draws.pick(PLATFORMS))

    def card(self, draws: Draws, added: int, kind: tuple[str, str, str] | None = None) -> Card:
        """Return a card that nobody had before, of a kind of `BINS` where one is given."""
        chosen = draws.favourite(BINS) if kind is None else kind
        return Card(
            instrument_id=f"card-{self.number():05}",
            bin=chosen[0],
            network=chosen[1],
            funding=chosen[2],
            added=added,
        )

    def person(self, draws: Draws) -> Payee:
        """Return someone with an account whom nobody paid before."""
        return _person(self.number(), draws)


def settle(world: World, draws: Draws, *, count: int, start: int, days: int) -> People:
    """Return the people of a world.

    Args:
        world: Its parameters.
        draws: Chance.
        count: How many payers, 1 or more.
        start: When the world begins, in seconds since 1970.
        days: How long it lasts.
    """
    told = world.payees
    shops = [_shop(number, draws) for number in range(_shops(world, count))]
    people = People(payers=[], shops=shops, persons=[])
    people.persons = [people.person(draws) for _ in range(max(count // 2, 20))]
    assert told.shops_min <= len(shops)
    for number in range(count):
        joined = _joined(world, draws, start, days)
        people.payers.append(_payer(world, draws, people, number=number, joined=joined))
    return people


def _shops(world: World, count: int) -> int:
    return max(int(count * world.payees.shops_per_payer), world.payees.shops_min)


def _joined(world: World, draws: Draws, start: int, days: int) -> int:
    if draws.chance(world.payers.newcomer_share):
        return start + int(draws.between(0, days) * DAY_S)
    return start - int(draws.between(5, AGE_DAYS_MAX) * DAY_S)


def _payer(world: World, draws: Draws, people: People, *, number: int, joined: int) -> Payer:
    told = world.payers
    is_elderly = draws.chance(told.elderly_share)
    rate = draws.lognormal(told.rate_per_day, told.rate_spread)
    usual = draws.lognormal(told.amount_minor, told.amount_spread)
    devices = [people.phone(draws)]
    if draws.chance(told.laptop_share):
        platform = draws.pick(LAPTOPS)
        devices.append(Device(device_id=f"device-{people.number():05}", platform=platform))
    if people.payers and draws.chance(told.shared_device_share):
        # A family: the phone of the one before is used as well, or alone.
        devices.insert(draws.below(2), people.payers[-1].devices[0])
    cards = [people.card(draws, joined) for _ in range(draws.whole(1, 2))]
    household = number // HOUSEHOLD
    return Payer(
        payer_id=f"payer-{number:05}",
        email=f"{draws.pick(FAMILY)}.{draws.pick(GIVEN)}.{number}@example.com".lower(),
        is_elderly=is_elderly,
        joined=joined,
        rate=min(rate * (told.elderly_rate if is_elderly else 1.0), 12.0),
        usual_minor=usual,
        balance_minor=draws.lognormal(usual * 60, 0.9),
        peaks_h=(draws.pick(PEAKS_H), draws.pick(PEAKS_H)),
        devices=devices,
        cards=cards,
        shops=[draws.favourite(people.shops) for _ in range(draws.whole(4, 10))],
        people=[draws.pick(people.persons) for _ in range(draws.whole(2, 5))],
        home=f"2001:db8:{0x1000 + household:x}:1::{1 + number % HOUSEHOLD}",
        mobile=f"192.0.2.{draws.below(120)}",
    )


def _shop(number: int, draws: Draws) -> Payee:
    mcc, price, trade = draws.pick(TRADES)
    return Payee(
        payee_id=f"shop-{number:04}",
        type="merchant",
        name=f"{draws.pick(PLACES)} {trade}",
        mcc=mcc,
        price=draws.lognormal(price, 0.3),
    )


def _person(number: int, draws: Draws) -> Payee:
    return Payee(
        payee_id=f"person-{number:05}",
        type="person",
        name=f"{draws.pick(FAMILY)} {draws.pick(GIVEN)}",
        mcc=None,
        price=1.8,
    )
