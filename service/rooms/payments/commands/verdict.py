"""From a judgement to where it leads a payment: status, challenge, hold, token. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

import msgspec

from keys.tokens import new_jti
from risk.assessment import Assessment
from service.kernel.facts import Kind
from service.rooms.assessments.public import Judged
from service.rooms.challenges import public as challenges
from service.rooms.merchants.public import MerchantSettings
from service.rooms.payments import model, store
from service.rooms.payments.commands.story import Story, exemption_count
from service.rooms.payments.contract import (
    AUDIENCE_PATH,
    Status,
    TokenClaims,
    TokenDetail,
)
from service.rooms.payments.model import Judgement, Payment
from service.unit_of_work.handlers import Context
from service.unit_of_work.outcome import Change, Entry

# Ours: an approval long enough to finish a checkout, short enough that what was judged still
# holds; a token lives long enough for one call and can be taken anew.
APPROVAL_LASTS: Final = dt.timedelta(minutes=15)
TOKEN_LASTS: Final = dt.timedelta(seconds=120)
CHALLENGE_LASTS: Final = dt.timedelta(minutes=5)
# Longer than processors and card networks let an authorization wait for its answer.
NO_ANSWER_AFTER: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Where a judgement leads, and the rows that come with it.

    Attributes:
        judgement: As the payment's event keeps it.
        challenge: The demand for proof, if there is one.
        hold: The stop, if there is one.
        changes: Their rows.
        entries: Their entries.
    """

    judgement: Judgement
    challenge: challenges.Challenge | None
    hold: challenges.Hold | None
    changes: tuple[Change, ...]
    entries: tuple[Entry, ...]


def verdict(
    ctx: Context,
    payment_id: str,
    judged: Judged,
    *,
    reviews_before_capture: bool,
    held_until: dt.datetime | None = None,
) -> Verdict:
    """Return where a judgement leads a payment.

    Args:
        ctx: Time, ids, caller.
        payment_id: The payment.
        judged: The judgement.
        reviews_before_capture: This payment is captured by a step of its own, and its merchant
            lets execution go on while review is open.
        held_until: A hold that it sets ends no earlier; None where the payment has no hold.
    """
    said = judged.assessment
    # Where a review ends in a challenge the payer has proved nothing, and what needs no proof is
    # counted under an exemption, which only an approval is: such a payment waits for its review.
    is_unproved = said.hold is not None and said.hold.end == "challenge"
    defers = said.outcome == "review" and reviews_before_capture and not is_unproved
    to: Status = "approved" if defers else _STATUS[said.outcome]
    judgement = Judgement(
        to=to,
        assessment_id=judged.id,
        outcome=said.outcome,
        reason_code=said.reason_code,
        level=said.level,
        liability=said.liability,
        exemption=None if judged.counted is None else exemption_count(judged.counted),
        reviews_before_capture=defers,
        approval_expires_at=ctx.now + APPROVAL_LASTS if to == "approved" else None,
    )
    if to == "challenge_required":
        return challenged(ctx, payment_id, judgement, said.any_of)
    if to == "held":
        return _held(ctx, payment_id, judgement, said, held_until or ctx.now)
    return Verdict(judgement=judgement, challenge=None, hold=None, changes=(), entries=())


def reviews_before_capture(settings: MerchantSettings, kind: Kind) -> bool:
    """Say whether review of a payment may wait until its capture, if it has one at all."""
    return settings.review_mode == "before_capture" and kind not in _NEVER_CAPTURED


def challenged(
    ctx: Context, payment_id: str, judgement: Judgement, any_of: tuple[str, ...]
) -> Verdict:
    """Return a judgement that demands proof, with the demand."""
    challenge, change, entry = challenges.demand(
        ctx,
        ("payment", payment_id),
        level=judgement.level or 0,
        any_of=any_of,
        lasts=CHALLENGE_LASTS,
    )
    judgement = msgspec.structs.replace(
        judgement,
        challenge_id=challenge.challenge_id,
        challenge_expires_at=challenge.expires_at,
    )
    return Verdict(
        judgement=judgement, challenge=challenge, hold=None, changes=(change,), entries=(entry,)
    )


def _held(
    ctx: Context,
    payment_id: str,
    judgement: Judgement,
    said: Assessment,
    until: dt.datetime,
) -> Verdict:
    assert said.hold is not None, "risk says how long what it holds is held"
    asks = (said.level or 0, said.any_of) if said.hold.end == "challenge" else None
    hold, change, entry = challenges.stop(
        ctx,
        ("payment", payment_id),
        grounds=said.hold.grounds,
        end=said.hold.end,
        lasts=max(dt.timedelta(seconds=said.hold.duration_s), until - ctx.now),
        asks=asks,
    )
    judgement = msgspec.structs.replace(judgement, hold_id=hold.hold_id, hold_ends_at=hold.ends_at)
    return Verdict(
        judgement=judgement, challenge=None, hold=hold, changes=(change,), entries=(entry,)
    )


# Their money leaves with the execution: no later step is left at which an officer could stop it.
_NEVER_CAPTURED: Final[frozenset[Kind]] = frozenset({"transfer", "withdrawal", "payout"})
_STATUS: Final[dict[str, Status]] = {
    "approve": "approved",
    "challenge": "challenge_required",
    "review": "held",
    "hold": "held",
    "decline": "declined",
}


def issue_token(story: Story, ctx: Context, *, issuer: str) -> TokenClaims:
    """Add a new token of an approved payment to its story; return the claims to be signed."""
    payment = story.payment
    # Whoever issues has looked before: what was sent of the past must never be executed.
    assert not payment.facts.is_replayed, "a replayed payment yields no token"
    claims = _claims(payment, ctx, issuer=issuer)
    expires_at = dt.datetime.fromtimestamp(claims.exp, dt.UTC)
    story.happen(model.TokenIssued(at=ctx.now, jti=claims.jti, expires_at=expires_at))
    story.change(store.insert_token(claims, tenant_id=payment.tenant_id, now=ctx.now))
    return claims


def token_ends_at(payment: Payment, *, now: dt.datetime) -> dt.datetime:
    """Return when a token issued now to an approved payment ends: in whole seconds."""
    assert payment.approval_expires_at is not None
    return min(now + TOKEN_LASTS, payment.approval_expires_at).replace(microsecond=0)


def _claims(payment: Payment, ctx: Context, *, issuer: str) -> TokenClaims:
    facts = payment.facts
    issued_s = int(ctx.now.timestamp())
    ends_s = int(token_ends_at(payment, now=ctx.now).timestamp())
    detail = TokenDetail(
        type="payment",
        amount=payment.requested_minor,
        amount_is=facts.amount_is,
        currency=payment.currency,
        payee=facts.payee.payee_id,
        instrument=facts.instrument.instrument_id if facts.instrument else None,
        order=model.order_digest(facts.order),
    )
    # What was reached, not what was asked for: what goes on under review has proved nothing.
    reached = 0 if payment.reviews_before_capture else payment.level
    return TokenClaims(
        iss=issuer,
        aud=f"{issuer}{AUDIENCE_PATH}",
        sub=facts.payer.payer_key,
        iat=issued_s,
        nbf=issued_s,
        exp=ends_s,
        jti=new_jti(ctx.entropy),
        txn=payment.payment_id,
        authorization_details=(detail,),
        device=facts.device.device_id if facts.device else None,
        acr="payguard:none" if reached is None else f"payguard:level:{reached}",
        amr=(),
        auth_time=None,
        cnf=None,
        assessment=payment.assessment_id,
        exemption=payment.exemption.code if payment.exemption else None,
        liability=payment.liability,
    )
