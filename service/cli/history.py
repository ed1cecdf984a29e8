"""The demo's history: weeks of a made-up world, sent to one shop as payments and labels."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Final, Protocol

import msgspec

from keys import entropy
from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from risk.simulation.shapes import Paid, Scenario, Told, read_world
from risk.simulation.stream import Plan, Run
from service.cli.writers import ask, merchant_call
from service.db.stores import open_spanning_reader
from service.kernel import facts
from service.kernel.clock import SystemClock
from service.rooms.labels import queries
from service.rooms.labels.contract import RecordLabel
from service.rooms.merchants.contract import Merchant
from service.rooms.payments.contract import (
    CreatePayment,
    CreatePaymentRequest,
    PaymentFacts,
    PaymentReply,
)
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Mode, Submit

DAYS: Final = 42
PAYERS: Final = 54
# So few payments hold hardly any fraud otherwise, and a model needs dozens of each kind.
MIX: Final[dict[Scenario, float]] = {"card_testing": 28.0, "takeover": 42.0, "scam": 95.0}
# A Monday that every demo's first day counts as.
CALENDAR: Final = dt.date(2026, 1, 5)
# So many are under way at a time: they share a commit. More would come out of order.
AT_ONCE: Final = 8
MODE: Final[Mode] = "sandbox"
_DAY: Final = dt.timedelta(days=1)


class Seeded(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo's shop lived through before it was shown.

    Attributes:
        payments: How many were sent and judged.
        labels: How many of them were told to be what.
        days: Over how many days they lie.
        seconds: How long it took to send them.
        outcomes: How many got which outcome, by rules alone.
    """

    payments: int
    labels: int
    days: int
    seconds: float
    outcomes: dict[str, int]


class Sends(Protocol):
    """What takes payments and labels."""

    def pay(self, paid: Paid) -> tuple[str, str]:
        """Return id and outcome of a payment."""
        ...

    def tell(self, told: Told, payment_id: str) -> None:
        """Tell what a payment was."""
        ...


class History:
    """A made-up world whose weeks end before now, the same for a seed whenever it is made.

    Args:
        seed: Which world.
        now: All lies before.
    """

    def __init__(self, seed: int, *, now: dt.datetime) -> None:
        world = read_world()
        offset = dt.timedelta(minutes=world.calendar.utc_offset_minutes)
        # The day after the last is lived as well, so it is over by now; whole weeks are moved, so
        # that a Saturday stays one.
        latest = (now + offset).date() - dt.timedelta(days=DAYS + 1)
        start = latest - dt.timedelta(days=(latest - CALENDAR).days % 7)
        plan = Plan(seed=seed, start=start, days=DAYS, payers=PAYERS, mix=MIX, calendar=CALENDAR)
        self.end: Final = dt.datetime.combine(start, dt.time(), dt.UTC) - offset + DAYS * _DAY
        run = Run(world, plan)
        # What is told later than the last day is told to nobody.
        self.events: Final = tuple(one for one in run.events() if one.at < self.end)
        self.one_of_each: Final[dict[Scenario, list[Paid]]] = run.one_of_each()

    def send(self, sender: Sends) -> Seeded:
        """Send all of it in the order of its times, each label when it became known.

        Raises:
            Failure: A payment or label was not taken.
        """
        clock = SystemClock()
        started_ns = clock.monotonic_ns()
        outcomes: Counter[str] = Counter()
        labels = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                for outcome in _sent(pool, sender, self.events):
                    outcomes.update([outcome] if outcome else [])
                    labels += not outcome
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return Seeded(
            payments=sum(outcomes.values()),
            labels=labels,
            days=DAYS,
            seconds=round((clock.monotonic_ns() - started_ns) / 1e9, 1),
            outcomes=dict(outcomes.most_common()),
        )


def _sent(pool: Executor, sender: Sends, events: Iterable[Paid | Told]) -> Iterator[str | None]:
    """Yield the outcome of each payment and None for each label, once they are done, in order."""
    paid: dict[str, Future[tuple[str, str]]] = {}

    def tell(told: Told) -> None:
        # Its payment was handed out before, so some thread has it.
        sender.tell(told, paid[told.reference].result()[0])

    under_way: list[Future[Any]] = []
    for event in events:
        if isinstance(event, Paid):
            made = pool.submit(sender.pay, event)
            paid[event.body["reference"]] = made
            under_way.append(made)
        else:
            under_way.append(pool.submit(tell, event))
    for one in under_way:
        found = one.result()
        yield None if found is None else found[1]


class Seeder:
    """Gives the writer payments and labels of one sandbox shop, as the front end would.

    Args:
        settings: Where the demo's store is.
        submit: The way to its writer.
        merchant: The shop.
    """

    def __init__(self, settings: Settings, submit: Submit, merchant: Merchant) -> None:
        self._submit = submit
        self._tenant_id = merchant.tenant_id
        self._key = open_secrets(settings.root_file, entropy.system).pseudonym
        self._call = merchant_call(merchant.tenant_id, merchant.merchant_id, mode=MODE)
        self._owner = merchant.tenant_id, merchant.merchant_id, MODE
        self._reader = open_spanning_reader(settings.database)

    def pay(self, paid: Paid) -> tuple[str, str]:
        """Return id and outcome of a payment, which is marked as one of the past."""
        made = ask(self._submit, CreatePayment(facts=self._facts(paid)), call=self._call)
        payment = made.read(PaymentReply).payment
        return payment.id, payment.outcome

    def tell(self, told: Told, payment_id: str) -> None:
        """Tell what a payment was."""
        command = RecordLabel(
            payment_id=payment_id,
            intent=told.intent,
            source=told.source,
            external_id=told.reference,
            known_at=told.at,
            touches=queries.touched(self._reader, self._owner, payment_id),
        )
        ask(self._submit, command, call=self._call)

    def _facts(self, paid: Paid) -> PaymentFacts:
        """Return a payment as it is kept: contacts and addresses are pseudonyms."""
        asked = msgspec.convert(paid.body, CreatePaymentRequest)
        told, payer = msgspec.structs.asdict(asked), asked.payer
        email_key = None
        if payer.email is not None:
            email_key = pseudonym(self._key, Kind.EMAIL, payer.email, tenant_id=self._tenant_id)
        told["payer"] = facts.PayerKept(
            payer_key=payer.payer_id or email_key or "",
            payer_id=payer.payer_id,
            account_created_at=payer.account_created_at,
            contact_changed_at=payer.contact_changed_at,
            email_key=email_key,
        )
        if asked.device is not None:
            device = msgspec.structs.asdict(asked.device)
            ip = device.pop("ip")
            ip_keys = ip and ip_pseudonyms(self._key, ip, tenant_id=self._tenant_id)
            told["device"] = facts.DeviceKept(**device, ip_keys=ip_keys or ())
        return PaymentFacts(**told, is_replayed=True)
