"""A payment as a frozen value, and what is told of it. Decides nothing, moves nothing."""

import datetime as dt
from typing import Final, Literal

import msgspec

from service.kernel.facts import EventType, Liability, Outcome
from service.kernel.money import Currency
from service.rooms.payments.contract import (
    Amounts,
    PaymentBase,
    PaymentFacts,
    PaymentListed,
    Status,
)
from service.rooms.payments.model.events import ExemptionCount
from service.rooms.payments.moves import TimerAction
from service.unit_of_work.commands import Mode

ExemptionState = Literal["none", "counted", "returned"]
SuspendedFrom = Literal["executed", "captured"]
Excess = Literal[
    "executed_above_requested",
    "executed_above_sent",
    "captured_above_executed",
    "captured_and_released_above_executed",
    "settled_above_captured",
    "returned_above_captured",
]

# Whole numbers that JavaScript holds exactly; a column holds 1,024 times as much.
SUM_MAX: Final = 2**53 - 1
# Where money that comes after all was not meant to move any more.
NOTHING_TAKEN: Final[frozenset[Status]] = frozenset(
    {"declined", "expired", "failed", "cancelled", "reversed"}
)


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to move money; a Struct, since copying one costs a tenth of a dataclass.

    Attributes:
        version: How many events it is the fold of.
        sent_minor: What its token was spent on; None until then.
        authorized_minor: Sum of what was reported authorized; None where nothing was.
        executed_minor: `authorized_minor`, or where nothing was authorized what was captured.
        token_jti: Of its newest token, whatever became of it.
        challenge_id, hold_id: Of the open challenge and the active hold; None otherwise.
        suspended_from: Where it goes when it is resumed.
        timer_at: When `timer_action` is due; both or neither.
    """

    tenant_id: str
    payment_id: str
    merchant_id: str
    mode: Mode
    facts: PaymentFacts
    status: Status
    version: int
    sent_minor: int | None = None
    authorized_minor: int | None = None
    executed_minor: int = 0
    captured_minor: int = 0
    settled_minor: int = 0
    released_minor: int = 0
    refunded_minor: int = 0
    charged_back_minor: int = 0
    lost_minor: int = 0
    recovered_minor: int = 0
    outcome: Outcome
    reason_code: str
    level: int | None
    liability: Liability
    assessment_id: str
    reviews_before_capture: bool = False
    exemption: ExemptionCount | None = None
    exemption_state: ExemptionState = "none"
    approval_expires_at: dt.datetime | None = None
    authorization_expires_at: dt.datetime | None = None
    token_jti: str | None = None
    challenge_id: str | None = None
    hold_id: str | None = None
    suspended_from: SuspendedFrom | None = None
    timer_at: dt.datetime | None = None
    timer_action: TimerAction | None = None
    created_at: dt.datetime
    updated_at: dt.datetime

    @property
    def currency(self) -> Currency:
        """Its one currency."""
        return self.facts.amount.currency

    @property
    def requested_minor(self) -> int:
        """The amount that was judged."""
        return self.facts.amount.value


def amounts(payment: Payment) -> Amounts:
    """Return where its money is."""
    return Amounts(
        currency=payment.currency,
        requested=payment.requested_minor,
        executed=payment.executed_minor,
        captured=payment.captured_minor,
        settled=payment.settled_minor,
        released=payment.released_minor,
        refunded=payment.refunded_minor,
        charged_back=payment.charged_back_minor,
        lost=payment.lost_minor,
        recovered=payment.recovered_minor,
    )


def base(payment: Payment) -> PaymentBase:
    """Return what every answer about it says."""
    return PaymentBase(
        id=payment.payment_id,
        reference=payment.facts.reference,
        status=payment.status,
        outcome=payment.outcome,
        reason_code=payment.reason_code,
        amounts=amounts(payment),
        approval_expires_at=payment.approval_expires_at,
        liability=payment.liability,
    )


def listed(payment: Payment) -> PaymentListed:
    """Return it as a line of a list."""
    return PaymentListed(
        id=payment.payment_id,
        reference=payment.facts.reference,
        status=payment.status,
        outcome=payment.outcome,
        reason_code=payment.reason_code,
        amounts=amounts(payment),
        approval_expires_at=payment.approval_expires_at,
        liability=payment.liability,
        kind=payment.facts.kind,
        payer_id=payment.facts.payer.payer_id,
        payee_id=payment.facts.payee.payee_id,
        created_at=payment.created_at,
        updated_at=payment.updated_at,
    )


def labelled_entities(facts: PaymentFacts) -> tuple[tuple[str, str], ...]:
    """Return kind and key of the entities whose features a label of a payment moves."""
    shipping = facts.order.shipping if facts.order else None
    found = (
        ("payee", facts.payee.payee_id),
        ("device", facts.device.device_id if facts.device else None),
        ("instrument", facts.instrument.instrument_id if facts.instrument else None),
        ("address", shipping.address_id if shipping else None),
    )
    return tuple((kind, key) for kind, key in found if key is not None)


def sent_at_most(payment: Payment) -> int:
    """Return what a token was spent on, or before that the most that one may be spent on."""
    return payment.requested_minor if payment.sent_minor is None else payment.sent_minor


def excesses(payment: Payment) -> tuple[Excess, ...]:
    """Return which reported amounts exceed what they may; each opens a recovery."""
    returned = payment.refunded_minor + payment.charged_back_minor
    sent = payment.sent_minor
    gone = payment.captured_minor + payment.released_minor
    # A release may be told before the authorization that it is of.
    executed = payment.executed_minor
    if payment.authorized_minor is None:
        executed = max(executed, sent_at_most(payment))
    found: dict[Excess, bool] = {
        "executed_above_requested": payment.executed_minor > payment.requested_minor,
        "executed_above_sent": sent is not None and payment.executed_minor > sent,
        "captured_above_executed": payment.captured_minor > payment.executed_minor,
        "captured_and_released_above_executed": payment.released_minor > 0 and gone > executed,
        "settled_above_captured": payment.settled_minor > payment.captured_minor,
        "returned_above_captured": returned > payment.captured_minor,
    }
    return tuple(excess for excess, is_there in found.items() if is_there)


def is_too_large(payment: Payment) -> bool:
    """Say whether one of its reported amounts is above what sums may come to."""
    return (
        max(
            payment.executed_minor,
            payment.captured_minor,
            payment.settled_minor,
            payment.released_minor,
            payment.refunded_minor,
            payment.charged_back_minor,
        )
        > SUM_MAX
    )


def is_late_success(status: Status, event: EventType) -> bool:
    """Say whether an event took money from a payment that had ended without any."""
    return status in NOTHING_TAKEN and event in {"authorized", "captured"}
