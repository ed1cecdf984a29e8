"""From a reply to its answer: texts, the signature, what a replay may still give. Pure reads."""

from typing import Any

import msgspec

from keys.tokens import PaymentClaims
from service.db.store import StoreUnavailable
from service.http.ports import Ports
from service.http.routes import Request
from service.kernel import answers
from service.kernel.errors import ResultUnknown
from service.rooms.assessments import queries as assessments
from service.rooms.challenges import queries as challenges
from service.rooms.payments import model, queries
from service.rooms.payments.contract import (
    ExecuteAnswer,
    PaymentAnswer,
    PaymentDetail,
    PaymentReply,
    TokenClaims,
    TokenState,
)
from service.rooms.payments.model import Payment
from service.unit_of_work.commands import Reply


def payment_answer(reply: Reply, request: Request, ports: Ports) -> PaymentAnswer:
    """Return the answer to a committed command about a payment.

    Raises:
        ResultUnknown: It is committed, and its token cannot be shown now: the same request, sent
            again, is answered whole.
    """
    said = reply.read(PaymentReply)
    try:
        token, token_state = _token(said, reply, request, ports)
    except StoreUnavailable as error:
        raise ResultUnknown from error
    return PaymentAnswer(
        **_common(said, reply, request, ports), payment_token=token, payment_token_state=token_state
    )


def execute_answer(reply: Reply, request: Request, ports: Ports) -> ExecuteAnswer:
    """Return the answer to an execution: go, hold or stop."""
    said = reply.read(PaymentReply)
    assert said.decision is not None
    return ExecuteAnswer(
        **_common(said, reply, request, ports),
        payment_token=None,
        payment_token_state=said.token_state,
        decision=said.decision,
    )


def _common(said: PaymentReply, reply: Reply, request: Request, ports: Ports) -> dict[str, Any]:
    judged = said.judged
    return {
        **msgspec.structs.asdict(said.payment),
        "assessment": None
        if judged is None
        else assessments.answered(
            judged, request, ports, currency=said.payment.amounts.currency, is_read=False
        ),
        "challenge": None if said.challenge is None else _challenge(said.challenge),
        "warning": None,
        "hold": None if said.hold is None else _hold(said.hold),
        # A receipt is a judgement's; its entry is the first of those that commit with it.
        "receipt": None if judged is None else reply.receipts[0],
    }


def _token(
    said: PaymentReply, reply: Reply, request: Request, ports: Ports
) -> tuple[str | None, TokenState | None]:
    """Return the signed token, or null and what became of it.

    A replay signs the same claims again, unless the token has been used or has run out.
    """
    if said.token is None:
        return None, said.token_state
    state: TokenState | None = said.token_state
    if reply.replayed:
        row = ports.reader.maybe(
            queries.TOKEN(tenant_id=request.caller.tenant_id, jti=said.token.jti)
        )
        state = None if row is None else model.token_state(row, now=reply.now)
    if state != "active":
        return None, state
    return ports.signer.sign(claims_of(said.token)), state


def claims_of(claims: TokenClaims) -> PaymentClaims:
    """Return stored claims as the token library takes them."""
    return msgspec.convert(claims, PaymentClaims, from_attributes=True)


def stored_claims(claims: PaymentClaims) -> TokenClaims:
    """Return a verified token's claims as commands carry them."""
    return msgspec.convert(claims, TokenClaims, from_attributes=True)


def _challenge(asked: answers.ChallengeAsked) -> answers.ChallengeAnswer:
    # The payer's dialog, and with it the secret by which a device proves, is not built yet.
    return answers.ChallengeAnswer(**msgspec.structs.asdict(asked), client_secret=None)


def _hold(held: answers.HoldSet) -> answers.HoldAnswer:
    return answers.HoldAnswer(**msgspec.structs.asdict(held), client_secret=None)


def payment_detail(payment: Payment, request: Request, ports: Ports) -> PaymentDetail:
    """Return a payment with all that is known of it, from read-only connections."""
    caller = request.caller
    tenant_id = caller.tenant_id
    events = ports.reader.fetch(
        queries.events_of(payment.payment_id, tenant_id=tenant_id, merchant_id=caller.merchant_id)
    )
    judged = [
        assessments.answered(one, request, ports, currency=payment.currency, is_read=True)
        for one in assessments.judgements(
            ports.reader.fetch(
                assessments.ASSESSMENTS_OF(
                    tenant_id=tenant_id,
                    merchant_id=caller.merchant_id,
                    mode=caller.mode,
                    subject_id=payment.payment_id,
                )
            )
        )
    ]
    return PaymentDetail(
        **msgspec.structs.asdict(model.base(payment)),
        assessment=next((one for one in judged if one.id == payment.assessment_id), None),
        challenge=_open_challenge(payment, ports),
        warning=None,
        hold=_active_hold(payment, ports),
        payment_token=None,
        payment_token_state=_token_state(payment, ports),
        receipt=None,
        assessments=tuple(judged),
        events=queries.seen(events),
        request=payment.facts,
        version=payment.version,
        created_at=payment.created_at,
        updated_at=payment.updated_at,
    )


def _open_challenge(payment: Payment, ports: Ports) -> answers.ChallengeAnswer | None:
    if payment.challenge_id is None:
        return None
    read = challenges.CHALLENGE(
        tenant_id=payment.tenant_id,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        challenge_id=payment.challenge_id,
    )
    row = ports.reader.maybe(read)
    return None if row is None else _challenge(challenges.asked(row))


def _active_hold(payment: Payment, ports: Ports) -> answers.HoldAnswer | None:
    if payment.hold_id is None:
        return None
    read = challenges.HOLD(
        tenant_id=payment.tenant_id,
        merchant_id=payment.merchant_id,
        mode=payment.mode,
        hold_id=payment.hold_id,
    )
    row = ports.reader.maybe(read)
    return None if row is None else _hold(challenges.held(row))


def _token_state(payment: Payment, ports: Ports) -> TokenState | None:
    if payment.token_jti is None:
        return None
    read = queries.TOKEN(tenant_id=payment.tenant_id, jti=payment.token_jti)
    row = ports.reader.maybe(read)
    return None if row is None else model.token_state(row, now=ports.clock.now())
