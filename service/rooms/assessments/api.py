"""Routes of what is judged besides payments. Names the commands, never their handlers."""

from typing import Any, Final

import msgspec

from service.db.statements import Row, Statement
from service.http.contacts import device_kept, payer_kept
from service.http.paging import cut, newest_after
from service.http.ports import Ports
from service.http.problems import BODY_INVALID
from service.http.routes import Answer, Request, answer_of, op, settle
from service.kernel import answers
from service.kernel.errors import MERCHANT_SUSPENDED, OCCURRED_AT_OUT_OF_RANGE, Refusal
from service.rooms.assessments import contract, model, queries
from service.rooms.assessments.contract import (
    ActionAnswer,
    ActionDetail,
    ActionFacts,
    ActionPage,
    ActionReply,
    AssessAction,
    AssessRequest,
    DecideRequest,
    RefuseAssessment,
    ReleaseAssessment,
    rule_errors,
)
from service.rooms.challenges import queries as challenges
from service.unit_of_work.commands import Reply


def _assess(request: Request, ports: Ports) -> Answer:
    command = AssessAction(facts=_facts(request, ports))
    reply = ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns)
    return answer_of(settle(reply), _answer(reply, request, ports), status=201)


def _facts(request: Request, ports: Ports) -> ActionFacts:
    """Return an action as it is kept; its clear e-mail, phone and address end here."""
    body: AssessRequest = request.body
    errors = list(rule_errors(body))
    payer = payer_kept(body.payer, request, ports, errors)
    device = None
    if body.device is not None:
        device = device_kept(body.device, request, ports, errors)
    if errors:
        raise Refusal(BODY_INVALID, errors=tuple(errors))
    assert payer is not None, "rule_errors asks for one of the three"
    told = msgspec.structs.asdict(body)
    return ActionFacts(**{**told, "payer": payer, "device": device})


def _answer(reply: Reply, request: Request, ports: Ports) -> ActionAnswer:
    said = reply.read(ActionReply)
    judged = said.judged
    amount = getattr(request.body, "amount", None)
    currency = None if amount is None else amount.currency
    return ActionAnswer(
        **msgspec.structs.asdict(said.action),
        assessment=None
        if judged is None
        else _judged(judged, request, ports, currency, is_read=False),
        challenge=None if said.challenge is None else _challenge(said.challenge),
        hold=None if said.hold is None else _hold(said.hold),
        receipt=None if judged is None else reply.receipts[0],
    )


def _judged(
    judged: answers.Judged, request: Request, ports: Ports, currency: str | None, *, is_read: bool
) -> answers.AssessmentAnswer:
    return queries.answered(judged, request, ports, currency=currency, is_read=is_read)


def _challenge(asked: answers.ChallengeAsked) -> answers.ChallengeAnswer:
    # The payer's dialog, and with it the secret by which a device proves, is not built yet.
    return answers.ChallengeAnswer(**msgspec.structs.asdict(asked), client_secret=None)


def _hold(held: answers.HoldSet) -> answers.HoldAnswer:
    return answers.HoldAnswer(**msgspec.structs.asdict(held), client_secret=None)


def _own(request: Request) -> dict[str, Any]:
    caller = request.caller
    return {
        "tenant_id": caller.tenant_id,
        "merchant_id": caller.merchant_id,
        "mode": caller.mode,
    }


def _list(request: Request, ports: Ports) -> Answer:
    caller = request.caller
    read = queries.page(
        request.query,
        owner=(caller.tenant_id, caller.merchant_id, caller.mode),
        last=newest_after(request, ports),
        now=ports.clock.now(),
    )
    found = [model.from_row(row) for row in ports.reader.fetch(read)]
    page = cut(found, queries.key, request, ports)
    return Answer(
        body=ActionPage(
            assessments=tuple(map(model.listed, page.rows)), next_cursor=page.next_cursor
        ),
        headers=page.headers,
    )


def _get(request: Request, ports: Ports) -> Answer:
    own, assessment_id = _own(request), request.path["assessment_id"]
    row = ports.reader.maybe(queries.ACTION(**own, assessment_id=assessment_id))
    if row is None:
        raise Refusal(contract.ASSESSMENT_NOT_FOUND)
    action = model.from_row(row)
    made = ports.reader.fetch(queries.ASSESSMENTS_OF(**own, subject_id=assessment_id))
    judged = queries.judgements(made)
    currency = None if action.facts.amount is None else action.facts.amount.currency
    challenge = _part(ports, challenges.CHALLENGE, own, challenge_id=action.challenge_id)
    hold = _part(ports, challenges.HOLD, own, hold_id=action.hold_id)
    return Answer(
        body=ActionDetail(
            **msgspec.structs.asdict(model.base(action)),
            assessment=_judged(judged[0], request, ports, currency, is_read=True)
            if judged
            else None,
            challenge=None if challenge is None else _challenge(challenges.asked(challenge)),
            hold=None if hold is None else _hold(challenges.held(hold)),
            receipt=None,
            request=action.facts,
            version=action.version,
            created_at=action.created_at,
            updated_at=action.updated_at,
        )
    )


def _part(
    ports: Ports, statement: Statement, own: dict[str, Any], **part: str | None
) -> Row | None:
    """Return the challenge or hold that an action has open, or None."""
    if None in part.values():
        return None
    return ports.reader.maybe(statement(**own, **part))


def _release(request: Request, ports: Ports) -> Answer:
    body: DecideRequest = request.body
    return _decided(
        ReleaseAssessment(assessment_id=request.path["assessment_id"], reason=body.reason),
        request,
        ports,
    )


def _refuse(request: Request, ports: Ports) -> Answer:
    body: DecideRequest = request.body
    return _decided(
        RefuseAssessment(assessment_id=request.path["assessment_id"], reason=body.reason),
        request,
        ports,
    )


def _decided(
    command: ReleaseAssessment | RefuseAssessment, request: Request, ports: Ports
) -> Answer:
    reply = ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns)
    return answer_of(settle(reply), _answer(reply, request, ports))


ROUTES: Final = (
    op(
        "post",
        "/v1/assessments",
        name="create_assessment",
        summary="Judge a login, sign-up, account change, new payee or payout.",
        takes=AssessRequest,
        gives=(201, ActionAnswer),
        refuses=(OCCURRED_AT_OUT_OF_RANGE, MERCHANT_SUSPENDED),
        scope="assessments:write",
        writes=True,
        run=_assess,
    ),
    op(
        "get",
        "/v1/assessments",
        name="list_assessments",
        summary="What was judged besides payments, the newest first, of the last 30 days.",
        query=contract.AssessmentQuery,
        gives=(200, ActionPage),
        scope="assessments:read",
        writes=False,
        run=_list,
    ),
    op(
        "get",
        "/v1/assessments/{assessment_id}",
        name="get_assessment",
        summary="What was judged besides payments, with its judgement, challenge or hold.",
        gives=(200, ActionDetail),
        refuses=(contract.ASSESSMENT_NOT_FOUND,),
        scope="assessments:read",
        writes=False,
        run=_get,
    ),
    op(
        "post",
        "/v1/assessments/{assessment_id}/release",
        name="release_assessment",
        summary="Let what is held go on.",
        takes=DecideRequest,
        gives=(200, ActionAnswer),
        refuses=(contract.ASSESSMENT_NOT_FOUND, contract.ASSESSMENT_NOT_IN_STATE),
        scope="assessments:decide",
        writes=True,
        run=_release,
    ),
    op(
        "post",
        "/v1/assessments/{assessment_id}/refuse",
        name="refuse_assessment",
        summary="Refuse what is held.",
        takes=DecideRequest,
        gives=(200, ActionAnswer),
        refuses=(contract.ASSESSMENT_NOT_FOUND, contract.ASSESSMENT_NOT_IN_STATE),
        scope="assessments:decide",
        writes=True,
        run=_refuse,
    ),
)
