"""Routes of challenges and holds: look at one, cancel one. No proof is taken yet."""

from typing import Any, Final

from service.db.statements import Row, Statement
from service.http.ports import Ports
from service.http.routes import Answer, Request, answer_of, op, settle
from service.kernel.errors import Problem, Refusal
from service.rooms.challenges import queries
from service.rooms.challenges.contract import (
    CHALLENGE_CLOSED,
    CHALLENGE_NOT_FOUND,
    HOLD_CLOSED,
    HOLD_NOT_FOUND,
    CancelChallenge,
    CancelHold,
    ChallengeDetail,
    ChallengeEnded,
    EndRequest,
    HoldDetail,
    HoldEnded,
    SubjectNamed,
)


def _show_challenge(request: Request, ports: Ports) -> Answer:
    row = _row(request, ports, queries.CHALLENGE, "challenge_id", CHALLENGE_NOT_FOUND)
    return Answer(
        body=ChallengeDetail(
            id=row["challenge_id"],
            subject=SubjectNamed(kind=row["subject_kind"], id=row["subject_id"]),
            level=row["level"],
            any_of=tuple(row["any_of"]),
            state=row["state"],
            expires_at=row["expires_at"],
        )
    )


def _show_hold(request: Request, ports: Ports) -> Answer:
    row = _row(request, ports, queries.HOLD, "hold_id", HOLD_NOT_FOUND)
    return Answer(
        body=HoldDetail(
            id=row["hold_id"],
            subject=SubjectNamed(kind=row["subject_kind"], id=row["subject_id"]),
            grounds=row["grounds"],
            end=row["end_action"],
            ends_at=row["ends_at"],
            state=row["state"],
        )
    )


def _cancel_challenge(request: Request, ports: Ports) -> Answer:
    row = _row(request, ports, queries.CHALLENGE, "challenge_id", CHALLENGE_NOT_FOUND)
    command = CancelChallenge(
        challenge_id=row["challenge_id"],
        subject_kind=row["subject_kind"],
        subject_id=row["subject_id"],
    )
    reply = ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns)
    return answer_of(reply, settle(reply).read(ChallengeEnded))


def _cancel_hold(request: Request, ports: Ports) -> Answer:
    row = _row(request, ports, queries.HOLD, "hold_id", HOLD_NOT_FOUND)
    command = CancelHold(
        hold_id=row["hold_id"], subject_kind=row["subject_kind"], subject_id=row["subject_id"]
    )
    reply = ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns)
    return answer_of(reply, settle(reply).read(HoldEnded))


def _row(request: Request, ports: Ports, statement: Statement, name: str, unknown: Problem) -> Row:
    caller = request.caller
    values: dict[str, Any] = {name: request.path[name]}
    row = ports.reader.maybe(
        statement(
            tenant_id=caller.tenant_id,
            merchant_id=caller.merchant_id,
            mode=caller.mode,
            **values,
        )
    )
    if row is None:
        raise Refusal(unknown)
    return row


ROUTES: Final = (
    op(
        "get",
        "/v1/challenges/{challenge_id}",
        name="get_challenge",
        summary="A demand for proof as it stands.",
        gives=(200, ChallengeDetail),
        refuses=(CHALLENGE_NOT_FOUND,),
        scope="payments:read",
        writes=False,
        run=_show_challenge,
    ),
    op(
        "post",
        "/v1/challenges/{challenge_id}/cancel",
        name="cancel_challenge",
        summary="Cancel an open challenge and the payment that it is about.",
        takes=EndRequest,
        gives=(200, ChallengeEnded),
        refuses=(CHALLENGE_NOT_FOUND, CHALLENGE_CLOSED),
        scope="payments:write",
        writes=True,
        run=_cancel_challenge,
    ),
    op(
        "get",
        "/v1/holds/{hold_id}",
        name="get_hold",
        summary="A timed stop as it stands.",
        gives=(200, HoldDetail),
        refuses=(HOLD_NOT_FOUND,),
        scope="payments:read",
        writes=False,
        run=_show_hold,
    ),
    op(
        "post",
        "/v1/holds/{hold_id}/cancel",
        name="cancel_hold",
        summary="Cancel an active hold and the payment that it stops.",
        takes=EndRequest,
        gives=(200, HoldEnded),
        refuses=(HOLD_NOT_FOUND, HOLD_CLOSED),
        scope="payments:write",
        writes=True,
        run=_cancel_hold,
    ),
)
