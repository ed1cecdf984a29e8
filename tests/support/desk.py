"""A merchant with every room's handlers behind it, under the strategy that ships or another."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from keys.entropy import CountingEntropy
from keys.sealing import Sealer
from risk.strategy import Strategy, load_strategy
from service.db.places import Place
from service.db.statements import Row
from service.kernel.facts import DeviceKept, Instrument, Payee, PayerKept
from service.kernel.money import Amount
from service.rooms.assessments.public import Judge
from service.rooms.assessments.tables import ASSESSMENTS, DAY_SUMS, EXEMPTION_COUNTERS
from service.rooms.challenges import api as challenges
from service.rooms.challenges.tables import CHALLENGES, HOLDS
from service.rooms.custody.model import new_signing_key
from service.rooms.custody.queries import Signer
from service.rooms.merchants.contract import CreateMerchant, Preset
from service.rooms.payers.contract import Consent, KnownDevice, RegisterPayer
from service.rooms.payments import api as payments
from service.rooms.payments.contract import (
    CreatePayment,
    EventRequest,
    ExecutePayment,
    ExpirePayment,
    PaymentFacts,
    PaymentReply,
    ReportEvent,
    TokenClaims,
)
from service.rooms.payments.model import Payment, from_row, order_digest
from service.rooms.payments.tables import PAYMENTS, TOKENS
from service.state.codec import WindowStates
from service.unit_of_work.commands import Call, Command, Mode, Reply
from service.unit_of_work.tables import EVENTS
from service.writer.handlers import all_handlers
from tests.support.front import Front
from tests.support.uow import START, House, a_call, a_house_call

ISSUER: Final = "https://pay.example"
SCOPES: Final = ("payments:write", "payments:read", "payments:execute")
DAY: Final = dt.timedelta(days=1)
SECOND: Final = dt.timedelta(seconds=1)


class Desk:
    """One merchant's payments, end to end, without HTTP.

    Attributes:
        house: The unit of work and its store.
        call: A call by the merchant's key.
    """

    def __init__(
        self,
        place: Place,
        *,
        preset: Preset = "judge_only",
        mode: Mode = "live",
        strategy: Strategy | None = None,
    ) -> None:
        self.strategy = strategy or load_strategy()
        self.sealer = Sealer(bytes(32))
        handlers = all_handlers(Judge(self.strategy, self.sealer), issuer=ISSUER)
        self.house = House(place, handlers.names.values(), codec=WindowStates())
        self.call = self.another(preset=preset, mode=mode)

    def another(self, *, preset: Preset = "judge_only", mode: Mode = "live", **given: Any) -> Call:
        """Return the call of another merchant, of the tenant that is named or of its own."""
        merchant = self.house.accept(
            CreateMerchant(name="Lin's Phones", preset=preset, **given), a_house_call()
        )
        return a_call(tenant_id=merchant.tenant_id, merchant_id=merchant.merchant_id, mode=mode)

    def run(self, command: Command) -> Reply:
        return self.house.run(command, self.call)

    def accept(self, command: Command) -> Any:
        return self.house.accept(command, self.call)

    def refuse(self, command: Command) -> str:
        return self.house.refuse(command, self.call)

    def create(self, **given: Any) -> PaymentReply:
        """Return the reply to a new payment; what is not given is what `facts` fills in."""
        reply: PaymentReply = self.accept(CreatePayment(facts=self.facts(**given)))
        return reply

    def facts(self, **given: Any) -> PaymentFacts:
        """Return facts of a payment that happens now; only what is required is filled."""
        values = {
            "amount": cny(10_000),
            "kind": "purchase",
            "payee": Payee(payee_id="p_77"),
            "payer": PayerKept(payer_key="c_17", payer_id="c_17"),
            "occurred_at": self.house.clock.now(),
        }
        return PaymentFacts(**{**values, **given})

    def small(self, **given: Any) -> PaymentFacts:
        """Return facts that the exemption of preset CN fits, once `register` has run."""
        values = {
            "payee": Payee(payee_id="p_77", added_at=START - 2 * DAY),
            "instrument": Instrument(instrument_id="ins_1", type="card"),
            "device": DeviceKept(device_id="d_1"),
        }
        return self.facts(**{**values, **given})

    def register(self, payer_id: str = "c_17", device_id: str = "d_1", **given: Any) -> None:
        """Register a payer who consents to small payments from a device of theirs."""
        values = {
            "consent": Consent(small_payments=True),
            "known_devices": (KnownDevice(device_id=device_id, since=START - 40 * DAY),),
        }
        self.accept(RegisterPayer(payer_id=payer_id, **{**values, **given}))

    def pay(self, facts: PaymentFacts | None = None) -> PaymentReply:
        """Return the reply to a payment of these facts."""
        reply: PaymentReply = self.accept(CreatePayment(facts=facts or self.facts()))
        return reply

    def execution(self, token: TokenClaims | None, **given: Any) -> ExecutePayment:
        """Return the execution of exactly what a token's payment was told with."""
        assert token is not None
        told = self.payment(token.txn).facts
        values = {
            "payment_id": token.txn,
            "claims": token,
            "amount": told.amount,
            "payee": told.payee,
            "instrument": told.instrument,
            "device": told.device,
            "order_digest": order_digest(told.order),
            "told": told,
        }
        return ExecutePayment(**{**values, **given})

    def execute(self, token: TokenClaims | None, **given: Any) -> PaymentReply:
        reply: PaymentReply = self.accept(self.execution(token, **given))
        return reply

    def report(self, payment_id: str, kind: str, minor: int | None = None, **given: Any) -> Any:
        return self.accept(self.event(payment_id, kind, minor, **given))

    def event(
        self, payment_id: str, kind: str, minor: int | None = None, **given: Any
    ) -> ReportEvent:
        """Return the report of an event by the processor, named after its type."""
        values: dict[str, Any] = {
            "type": kind,
            "source": "psp",
            "external_id": kind,
            "occurred_at": self.house.clock.now(),
            "amount": None if minor is None else cny(minor),
        }
        return ReportEvent(payment_id=payment_id, event=EventRequest(**{**values, **given}))

    def timer(self, payment_id: str) -> PaymentReply:
        """Move the clock to a payment's timer and run it."""
        payment = self.payment(payment_id)
        assert payment.timer_at is not None
        self.house.clock.advance(max(payment.timer_at - self.house.clock.now(), dt.timedelta(0)))
        reply: PaymentReply = self.accept(
            ExpirePayment(payment_id=payment_id, version=payment.version)
        )
        return reply

    def payment(self, payment_id: str) -> Payment:
        [row] = [one for one in self.house.rows(PAYMENTS) if one["payment_id"] == payment_id]
        return from_row(row)

    def counters(self) -> dict[str, tuple[int, int]]:
        """Return what each scope has counted: how many, and how much."""
        rows = self.house.rows(EXEMPTION_COUNTERS)
        return {row["scope"]: (row["count"], row["amount_minor"]) for row in rows}

    def day_sums(self) -> dict[tuple[str, str], int]:
        rows = self.house.rows(DAY_SUMS)
        return {(row["day"], row["limit_code"]): row["amount_minor"] for row in rows}

    def tokens(self) -> list[str]:
        """Return the states of all tokens, the oldest first."""
        rows = sorted(self.house.rows(TOKENS), key=lambda row: (row["issued_at"], row["jti"]))
        return [row["state"] for row in rows]

    def challenges(self) -> list[Row]:
        return self.house.rows(CHALLENGES)

    def holds(self) -> list[Row]:
        return self.house.rows(HOLDS)

    def assessments(self) -> list[Row]:
        """Return all assessments in the order in which they were made, as the log has it."""
        rows = {row["assessment_id"]: row for row in self.house.rows(ASSESSMENTS)}
        return [rows[one["subject"]] for one in self.house.entries("payment.assessed")]

    def events(self, payment_id: str) -> list[Row]:
        rows = [row for row in self.house.rows(EVENTS) if row["subject_id"] == payment_id]
        return sorted(rows, key=lambda row: (row["sequence"], row["ordinal"]))

    def signer(self) -> Signer:
        """Return what signs tokens with the house's key, once `signing` has made it."""
        return Signer(self.house.reader, self.sealer, self.house.clock)

    def wait(self, by: dt.timedelta) -> None:
        self.house.clock.advance(by)


def a_front(desk: Desk, *, scopes: Iterable[str] = SCOPES, **given: Any) -> Front:
    """Return a front end to which the desk's merchant sends requests, or another that is named."""
    whose = {
        "tenant_id": desk.call.tenant_id,
        "merchant_id": desk.call.merchant_id,
        "mode": desk.call.mode,
        "signer": desk.signer(),
    }
    routes = (*payments.ROUTES, *challenges.ROUTES)
    return Front(desk.house, routes, scopes=scopes, **{**whose, **given})


def signing(desk: Desk) -> Desk:
    """Return the desk with a key that signs its tokens."""
    desk.house.accept(new_signing_key(desk.sealer, CountingEntropy(5_000)), a_house_call())
    return desk


def cny(minor: int) -> Amount:
    return Amount(value=minor, currency="CNY")


def altered(claims: TokenClaims | None, **given: Any) -> TokenClaims:
    """Return a token's claims with something else in them, as only a stolen key could sign."""
    assert claims is not None
    [detail] = claims.authorization_details
    wider = {name: given.pop(name) for name in tuple(given) if name in detail.__struct_fields__}
    details = (msgspec.structs.replace(detail, **wider),)
    return msgspec.structs.replace(claims, authorization_details=details, **given)
