"""Routes of payments. Names the commands, never their handlers."""

from typing import Final

import msgspec

from keys.token_verifier import NotVerified
from service.db.statements import Row
from service.http.contacts import device_kept
from service.http.paging import cut, newest_after
from service.http.ports import Ports
from service.http.problems import BODY_INVALID
from service.http.routes import Answer, Request, answer_of, op, settle
from service.kernel.errors import (
    MERCHANT_SUSPENDED,
    OCCURRED_AT_OUT_OF_RANGE,
    PAYMENT_NOT_FOUND,
    FieldError,
    Refusal,
)
from service.rooms.payments import contract, model, queries
from service.rooms.payments.api.answers import (
    execute_answer,
    payment_answer,
    payment_detail,
    stored_claims,
)
from service.rooms.payments.api.requests import payment_facts
from service.rooms.payments.contract import (
    CancelPayment,
    CreatePayment,
    EventAnswer,
    EventReply,
    ExecutePayment,
    ExecuteRequest,
    IssueToken,
    PaymentPage,
    ReportEvent,
)
from service.rooms.payments.model import Payment
from service.unit_of_work.commands import Command, Reply


def _submit(request: Request, ports: Ports, command: Command) -> Reply:
    reply = ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns)
    return settle(reply)


def _create(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, CreatePayment(facts=payment_facts(request, ports)))
    return answer_of(reply, payment_answer(reply, request, ports), status=201)


def _list(request: Request, ports: Ports) -> Answer:
    caller = request.caller
    read = queries.page(
        request.query,
        owner=(caller.tenant_id, caller.merchant_id, caller.mode),
        last=newest_after(request, ports),
        now=ports.clock.now(),
    )
    payments = [model.from_row(row) for row in ports.reader.fetch(read)]
    page = cut(payments, queries.key, request, ports)
    return Answer(
        body=PaymentPage(
            payments=tuple(map(model.listed, page.rows)), next_cursor=page.next_cursor
        ),
        headers=page.headers,
    )


def _get(request: Request, ports: Ports) -> Answer:
    return Answer(body=payment_detail(_payment(request, ports), request, ports))


def _payment(request: Request, ports: Ports) -> Payment:
    row = _row(request, ports)
    if row is None:
        raise Refusal(PAYMENT_NOT_FOUND)
    return model.from_row(row)


def _row(request: Request, ports: Ports) -> Row | None:
    caller = request.caller
    return ports.reader.maybe(
        queries.PAYMENT(
            tenant_id=caller.tenant_id,
            merchant_id=caller.merchant_id,
            mode=caller.mode,
            payment_id=request.path["payment_id"],
        )
    )


def _execute(request: Request, ports: Ports) -> Answer:
    body: ExecuteRequest = request.body
    errors: list[FieldError] = []
    device = None
    if body.device is not None:
        device = device_kept(body.device, request, ports, errors)
    if errors:
        raise Refusal(BODY_INVALID, errors=tuple(errors))
    try:
        claims = ports.signer.verify(
            body.payment_token,
            issuer=ports.issuer,
            audience=f"{ports.issuer}{contract.AUDIENCE_PATH}",
        )
    except NotVerified as refused:
        # Which check failed would help a forger; whether the payment exists, anybody.
        raise Refusal(contract.PAYMENT_TOKEN_INVALID) from refused
    row = _row(request, ports)
    command = ExecutePayment(
        payment_id=request.path["payment_id"],
        claims=stored_claims(claims),
        amount=body.amount,
        payee=body.payee,
        instrument=body.instrument,
        device=device,
        order_digest=model.order_digest(body.order),
        told=None if row is None else model.from_row(row).facts,
    )
    reply = _submit(request, ports, command)
    return answer_of(reply, execute_answer(reply, request, ports))


def _token(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, IssueToken(payment_id=request.path["payment_id"]))
    return answer_of(reply, payment_answer(reply, request, ports))


def _report(request: Request, ports: Ports) -> Answer:
    command = ReportEvent(payment_id=request.path["payment_id"], event=request.body)
    reply = _submit(request, ports, command)
    said = reply.read(EventReply)
    return answer_of(reply, EventAnswer(**msgspec.structs.asdict(said)))


def _cancel(request: Request, ports: Ports) -> Answer:
    command = CancelPayment(payment_id=request.path["payment_id"], reason=request.body.reason)
    reply = _submit(request, ports, command)
    return answer_of(reply, payment_answer(reply, request, ports))


ROUTES: Final = (
    op(
        "post",
        "/v1/payments",
        name="create_payment",
        summary="Judge a payment: a token, a challenge, a hold or a refusal.",
        takes=contract.CreatePaymentRequest,
        gives=(201, contract.PaymentAnswer),
        refuses=(
            contract.REFERENCE_TAKEN,
            OCCURRED_AT_OUT_OF_RANGE,
            contract.PARENT_NOT_FOUND,
            MERCHANT_SUSPENDED,
        ),
        scope="payments:write",
        writes=True,
        run=_create,
    ),
    op(
        "get",
        "/v1/payments",
        name="list_payments",
        summary="Payments, the newest first, of the last 30 days unless told otherwise.",
        query=contract.PaymentQuery,
        gives=(200, PaymentPage),
        scope="payments:read",
        writes=False,
        run=_list,
    ),
    op(
        "get",
        "/v1/payments/{payment_id}",
        name="get_payment",
        summary="A payment with its judgements, challenge, hold, amounts and events.",
        gives=(200, contract.PaymentDetail),
        refuses=(PAYMENT_NOT_FOUND,),
        scope="payments:read",
        writes=False,
        run=_get,
    ),
    op(
        "post",
        "/v1/payments/{payment_id}/execute",
        name="execute_payment",
        summary="Spend the payment token on what is really executed: go, hold or stop.",
        takes=ExecuteRequest,
        gives=(200, contract.ExecuteAnswer),
        refuses=(
            PAYMENT_NOT_FOUND,
            contract.PAYMENT_NOT_IN_STATE,
            contract.PAYMENT_TOKEN_INVALID,
            contract.PAYMENT_TOKEN_SPENT,
            contract.PAYMENT_TOKEN_VOIDED,
            contract.PAYMENT_TOKEN_EXPIRED,
            contract.PAYMENT_TOKEN_MISMATCH,
            MERCHANT_SUSPENDED,
        ),
        scope="payments:execute",
        writes=True,
        run=_execute,
    ),
    op(
        "post",
        "/v1/payments/{payment_id}/token",
        name="issue_payment_token",
        summary="Void an approved payment's token and issue a new one over the same facts.",
        takes=contract.TokenRequest,
        gives=(200, contract.PaymentAnswer),
        refuses=(
            PAYMENT_NOT_FOUND,
            contract.PAYMENT_NOT_IN_STATE,
            contract.PAYMENT_REPLAYED,
            MERCHANT_SUSPENDED,
        ),
        scope="payments:execute",
        writes=True,
        run=_token,
    ),
    op(
        "post",
        "/v1/payments/{payment_id}/events",
        name="report_event",
        summary="Report what happened to a payment; never refused for its order.",
        takes=contract.EventRequest,
        gives=(200, EventAnswer),
        refuses=(PAYMENT_NOT_FOUND, contract.CURRENCY_MISMATCH, contract.EVENT_AMOUNT_INVALID),
        scope="payments:write",
        writes=True,
        run=_report,
    ),
    op(
        "post",
        "/v1/payments/{payment_id}/cancel",
        name="cancel_payment",
        summary="Cancel a payment that is not under way; challenge, hold and token are void.",
        takes=contract.CancelRequest,
        gives=(200, contract.PaymentAnswer),
        refuses=(PAYMENT_NOT_FOUND, contract.PAYMENT_NOT_IN_STATE),
        scope="payments:write",
        writes=True,
        run=_cancel,
    ),
)
