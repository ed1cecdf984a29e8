"""The parameters of the made-up world, and what it yields, as frozen values. Draws nothing."""

import datetime as dt
import tomllib
from importlib import resources
from typing import Any, Final, Literal

import msgspec

Scenario = Literal["ordinary", "card_testing", "takeover", "scam"]
Intent = Literal["normal", "scam", "unauthorized", "first_party"]
Range = tuple[float, float]
LEVELS: Final = (1, 2, 3)
FILE: Final = "world.toml"


class Paid(msgspec.Struct, frozen=True, kw_only=True):
    """A payment is asked for.

    Attributes:
        at: When.
        body: The request to create it, as plain data.
        scenario: Why it happens; nobody who judges is told.
        level: How hard a fraud is to see, 1 to 3; 0 where it is none.
    """

    at: dt.datetime
    body: dict[str, Any]
    scenario: Scenario
    level: int


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """It becomes known what a payment was.

    Attributes:
        at: When it becomes known.
        reference: The payment's.
        intent: What is said of it, which is not always so.
        source: Who says so.
    """

    at: dt.datetime
    reference: str
    intent: Intent
    source: str


class _Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all parameters: frozen, and strict about what the file may say."""


class Calendar(_Shape, frozen=True, kw_only=True):
    """How days differ, as factors of a usual day's payments."""

    utc_offset_minutes: int
    weekday: tuple[float, float, float, float, float, float, float]
    salary_day_of_month: int
    salary_days: int
    salary: float
    promotion_every_days: int
    promotion: float
    growth_per_day: float


class Payers(_Shape, frozen=True, kw_only=True):
    """What payers are like; spreads are standard deviations of logarithms."""

    rate_per_day: float
    rate_spread: float
    elderly_share: float
    elderly_rate: float
    newcomer_share: float
    amount_minor: float
    amount_spread: float
    own_spread: float
    laptop_share: float
    shared_device_share: float
    balance_told_share: float
    added_at_told_share: float


class Payees(_Shape, frozen=True, kw_only=True):
    """Whom they pay."""

    shops_per_payer: float
    shops_min: int
    new_shop_share: float
    new_person_share: float
    transfer_share: float
    guest_share: float
    till_share: float


class Innocent(_Shape, frozen=True, kw_only=True):
    """How often something looks like fraud and is none."""

    call_share: float
    remote_share: float
    travel_per_day: float
    new_phone_per_day: float
    contact_change_per_day: float
    big_purchase_share: float
    rent_share: float
    to_savings_share: float
    night_share: float


class Labels(_Shape, frozen=True, kw_only=True):
    """How far labels are from the truth."""

    missed_share: float
    false_claim_share: float
    confirmed_share: float


class Delay(_Shape, frozen=True, kw_only=True):
    """How long a source takes: the median in days, and the spread of its logarithm."""

    days: float
    spread: float


class CardTestingLevel(_Shape, frozen=True, kw_only=True):
    """How loudly cards are tested."""

    tries: tuple[int, int]
    gap_s: Range
    tries_per_device: int
    amount_minor: tuple[int, int]
    tries_per_address: int


class CardTesting(_Shape, frozen=True, kw_only=True):
    """Card testing; `attempts` per 10,000 payments."""

    attempts: float
    level: dict[int, CardTestingLevel]


class TakeoverLevel(_Shape, frozen=True, kw_only=True):
    """How a taken-over account is used; `times_usual` multiplies its payer's usual amount."""

    payments: tuple[int, int]
    times_usual: Range
    has_new_device: bool
    is_abroad: bool
    contact_change_share: float
    known_payee_share: float


class Takeover(_Shape, frozen=True, kw_only=True):
    """Take-overs; `attempts` per 10,000 payments."""

    attempts: float
    level: dict[int, TakeoverLevel]


class ScamLevel(_Shape, frozen=True, kw_only=True):
    """How a victim is led; `first_share` of the balance goes first, each time `growth` more."""

    payments: tuple[int, int]
    gap_s: Range
    first_share: Range
    growth: float
    call_share: float
    remote_share: float
    victims_per_payee: int


class Scam(_Shape, frozen=True, kw_only=True):
    """Push-payment scams; `attempts` per 10,000 payments."""

    attempts: float
    elderly_share: float
    level: dict[int, ScamLevel]


class World(_Shape, frozen=True, kw_only=True):
    """All parameters of the world; `world.toml` says what they are."""

    version: int
    calendar: Calendar
    payers: Payers
    payees: Payees
    innocent: Innocent
    labels: Labels
    card_testing: CardTesting
    takeover: Takeover
    scam: Scam
    delay: dict[str, Delay]


def read_world() -> World:
    """Return the world that comes with the software."""
    text = (resources.files("risk.simulation") / FILE).read_text("utf-8")
    # The keys of TOML tables are texts; those of levels are numbers.
    return msgspec.convert(tomllib.loads(text), World, strict=False)
