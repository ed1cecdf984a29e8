"""The made-up world as one stream of payments and labels, in the order of their times.

The same seed gives the same bytes on every machine; another seed gives another world.
"""

import datetime as dt
import hashlib
import heapq
import itertools
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from risk.simulation.deeds import Deed, body
from risk.simulation.draws import Draws
from risk.simulation.frauds.card_testing import test_cards
from risk.simulation.frauds.scam import Mules, lead
from risk.simulation.frauds.takeover import take_over
from risk.simulation.labels import label
from risk.simulation.ordinary import Ordinary, day_factor
from risk.simulation.people import DAY_S, Payer, settle
from risk.simulation.shapes import LEVELS, Paid, Scenario, Told, World

PAYERS_MAX: Final = 100_000
DAYS_MAX: Final = 730
FRAUD_MAX: Final = 100.0
# Around the times in which people of a world have had accounts, and in which its labels come.
START_MIN: Final = dt.date(2000, 1, 1)
START_MAX: Final = dt.date(2100, 1, 1)
HOUR_S: Final = 3_600
NOON_S: Final = 12 * HOUR_S
# An account of that age has habits.
OLD_S: Final = 30 * DAY_S
_PER: Final = 10_000
# A victim is called while banks are open.
_CALL_HOURS: Final = (9, 18)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be simulated.

    Attributes:
        seed: Another seed, another world.
        start: The first local day, `START_MIN` to `START_MAX`.
        days: How many days, 1 to `DAYS_MAX`.
        payers: How many payers, 1 to `PAYERS_MAX`.
        fraud: How much more fraud there is than the world's own, 0 to `FRAUD_MAX`.
        mix: So many times as much of a kind of fraud besides, 0 to `FRAUD_MAX`.
        calendar: What the first day counts as where weekdays and salaries are looked at; None:
            itself. So a world may lie at another time and be the same but for its times.
    """

    seed: int
    start: dt.date
    days: int
    payers: int
    fraud: float = 1.0
    mix: dict[Scenario, float] = {}
    calendar: dt.date | None = None

    def __post_init__(self) -> None:
        """Refuse a world that is none.

        Raises:
            ValueError: A number or the first day is outside its range.
        """
        if not (1 <= self.days <= DAYS_MAX and 1 <= self.payers <= PAYERS_MAX):
            raise ValueError(f"1 to {DAYS_MAX} days, 1 to {PAYERS_MAX} payers")
        if not START_MIN <= self.start <= START_MAX:
            raise ValueError(f"a first day from {START_MIN} to {START_MAX}")
        if not all(0 <= factor <= FRAUD_MAX for factor in (self.fraud, *self.mix.values())):
            raise ValueError(f"fraud is a factor of 0 to {FRAUD_MAX}")


def simulate(world: World, plan: Plan) -> Iterator[Paid | Told]:
    """Yield what happens in a world, by time; labels may come after the last day.

    Args:
        world: Its parameters.
        plan: How much of it.
    """
    return Run(world, plan).events()


def digest(events: Iterable[Paid | Told]) -> str:
    """Return the SHA-256 of a stream as hex: equal where every byte of every event is."""
    found = hashlib.sha256()
    for event in events:
        found.update(msgspec.json.encode((type(event).__name__, event)))
        found.update(b"\n")
    return found.hexdigest()


class Run:
    """A world that runs once.

    Args:
        world: Its parameters.
        plan: How much of it.
    """

    def __init__(self, world: World, plan: Plan) -> None:
        self._world = world
        self._plan = plan
        offset = dt.timedelta(minutes=world.calendar.utc_offset_minutes)
        self._start = dt.datetime.combine(plan.start, dt.time(), dt.UTC) - offset
        self._calendar = plan.calendar or plan.start
        self._payments = 0
        self._people = settle(
            world,
            Draws(plan.seed, "people"),
            count=plan.payers,
            start=int(self._start.timestamp()),
            days=plan.days,
        )
        self._ordinary = Ordinary(world, self._people, Draws(plan.seed, "ordinary"))
        self._fraud = Draws(plan.seed, "fraud")
        self._labels = Draws(plan.seed, "labels")
        self._mules = Mules(world, self._people)

    def events(self) -> Iterator[Paid | Told]:
        """Yield what happens, by time; once."""
        waiting: list[tuple[dt.datetime, int, Paid | Told]] = []
        numbers = itertools.count()
        for number in range(self._plan.days):
            for event in self._day(number):
                heapq.heappush(waiting, (event.at, next(numbers), event))
            end = self._midnight(number + 1)
            while waiting and waiting[0][0] < end:
                yield heapq.heappop(waiting)[2]
        while waiting:
            yield heapq.heappop(waiting)[2]

    def one_of_each(self) -> dict[Scenario, list[Paid]]:
        """Return one ordinary payment, and one plain fraud of each kind, after the last day.

        Payers are those who pay often, so that what is usual for them is known. All lies within
        the day after the last, an hour or more apart. For after the events.
        """
        world, people, draws = self._world, self._people, Draws(self._plan.seed, "one of each")
        noon = int(self._midnight(self._plan.days).timestamp()) + NOON_S
        often = sorted(people.payers, key=lambda one: (one.joined > noon - OLD_S, -one.rate))
        usual, taken = often[0], often[1]
        victim = next((one for one in often[2:] if one.is_elderly), often[-1])
        mule = people.person(draws)
        found: dict[Scenario, tuple[int, list[Deed]]] = {
            "ordinary": (0, [self._ordinary.usual(usual, noon)]),
            "card_testing": (
                1,
                list(test_cards(world, people, draws, level=1, second=noon + HOUR_S)),
            ),
            "takeover": (
                1,
                list(
                    take_over(world, people, draws, level=1, second=noon + 3 * HOUR_S, payer=taken)
                ),
            ),
            "scam": (
                1,
                list(
                    lead(world, draws, level=1, second=noon + 6 * HOUR_S, payer=victim, mule=mule)
                ),
            ),
        }
        return {
            scenario: [self._paid(deed, scenario, level) for deed in deeds]
            for scenario, (level, deeds) in found.items()
        }

    def _midnight(self, number: int) -> dt.datetime:
        return self._start + dt.timedelta(days=number)

    def _day(self, number: int) -> Iterator[Paid | Told]:
        """Yield what begins on a day, and what will be known of it."""
        start = int(self._midnight(number).timestamp())
        factor = day_factor(
            self._world.calendar, self._calendar + dt.timedelta(days=number), number
        )
        made = 0
        for deed in self._ordinary.day(start, factor):
            made += 1
            yield from self._events_of(deed, "ordinary", 0)
        for scenario, level, deeds in self._attempts(start, made):
            for deed in deeds:
                yield from self._events_of(deed, scenario, level)

    def _events_of(self, deed: Deed, scenario: Scenario, level: int) -> Iterator[Paid | Told]:
        paid = self._paid(deed, scenario, level)
        yield paid
        told = label(self._world, self._labels, paid)
        if told is not None:
            yield told

    def _paid(self, deed: Deed, scenario: Scenario, level: int) -> Paid:
        self._payments += 1
        reference = f"sim-{self._plan.seed}-{self._payments:07}"
        return Paid(
            at=dt.datetime.fromtimestamp(deed.second, dt.UTC),
            body=body(deed, reference),
            scenario=scenario,
            level=level,
        )

    def _attempts(
        self, start: int, payments: int
    ) -> Iterator[tuple[Scenario, int, Iterator[Deed]]]:
        """Yield the frauds that begin on a day of so many ordinary payments."""
        world, people, draws = self._world, self._people, self._fraud

        def attempts(scenario: Scenario, per_10_000: float) -> range:
            scale = payments / _PER * self._plan.fraud * self._plan.mix.get(scenario, 1.0)
            return range(draws.poisson(per_10_000 * scale))

        for _ in attempts("card_testing", world.card_testing.attempts):
            level, second = draws.pick(LEVELS), start + draws.below(DAY_S)
            yield (
                "card_testing",
                level,
                test_cards(world, people, draws, level=level, second=second),
            )
        for _ in attempts("takeover", world.takeover.attempts):
            level, second, payer = (
                draws.pick(LEVELS),
                start + draws.below(DAY_S),
                self._victim(start),
            )
            yield (
                "takeover",
                level,
                take_over(world, people, draws, level=level, second=second, payer=payer),
            )
        for _ in attempts("scam", world.scam.attempts):
            level = draws.pick(LEVELS)
            second = start + int(draws.between(*_CALL_HOURS) * HOUR_S)
            payer = self._victim(start, is_elderly=draws.chance(world.scam.elderly_share))
            mule = self._mules.next(draws, level)
            yield (
                "scam",
                level,
                lead(world, draws, level=level, second=second, payer=payer, mule=mule),
            )

    def _victim(self, start: int, *, is_elderly: bool = False) -> Payer:
        """Return a payer who has an account; an elderly one where that is asked and found."""
        found = self._people.payers[0]
        for _ in range(50):
            found = self._fraud.pick(self._people.payers)
            if found.joined < start and (found.is_elderly or not is_elderly):
                break
        return found
