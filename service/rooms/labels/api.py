"""Routes of labels: a label is told, and a payment's labels are read. Decides nothing."""

from typing import Final

import msgspec

from service.http.paging import cut, newest_after
from service.http.ports import Ports
from service.http.routes import Answer, Request, answer_of, op, settle
from service.kernel.errors import PAYMENT_NOT_FOUND, Refusal
from service.rooms.labels import contract, model, queries
from service.rooms.labels.contract import Label, LabelPage, LabelQuery, LabelRequest, RecordLabel


def _record(request: Request, ports: Ports) -> Answer:
    body: LabelRequest = request.body
    caller = request.caller
    owner = caller.tenant_id, caller.merchant_id, caller.mode
    touches = queries.touched(ports.reader, owner, body.payment_id)
    command = RecordLabel(**msgspec.structs.asdict(body), touches=touches)
    reply = settle(ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns))
    return answer_of(reply, reply.read(Label), status=201)


def _list(request: Request, ports: Ports) -> Answer:
    caller = request.caller
    owner = caller.tenant_id, caller.merchant_id, caller.mode
    query: LabelQuery = request.query
    last = newest_after(request, ports)
    if not queries.is_a_payment(ports.reader, owner, query.payment_id):
        raise Refusal(PAYMENT_NOT_FOUND)
    rows = ports.reader.fetch(queries.page(query, owner=owner, last=last))
    page = cut([model.shown(row) for row in rows], queries.key, request, ports)
    return Answer(
        body=LabelPage(
            counts=queries.counting(ports.reader, owner, query.payment_id),
            labels=tuple(page.rows),
            next_cursor=page.next_cursor,
        ),
        headers=page.headers,
    )


ROUTES: Final = (
    op(
        "post",
        "/v1/labels",
        name="record_label",
        summary="Tell what a payment turned out to be, and since when it is known.",
        takes=LabelRequest,
        gives=(201, Label),
        refuses=(PAYMENT_NOT_FOUND, contract.LABEL_TAKEN, contract.KNOWN_AT_OUT_OF_RANGE),
        scope="labels:write",
        writes=True,
        run=_record,
    ),
    op(
        "get",
        "/v1/labels",
        name="list_labels",
        summary="A payment's labels, the one that became known last first.",
        query=LabelQuery,
        gives=(200, LabelPage),
        refuses=(PAYMENT_NOT_FOUND,),
        scope="labels:read",
        writes=False,
        run=_list,
    ),
)
