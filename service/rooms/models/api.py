"""Routes of models: which there are, and what their makers signed of them. Read only."""

import re
from typing import Final

from service.http.paging import after, cursor_after, link_to_next
from service.http.ports import Ports
from service.http.routes import Answer, Request, op
from service.kernel.errors import Refusal
from service.rooms.models import model, queries
from service.rooms.models.contract import MODEL_NOT_FOUND, ModelPage, ModelQuery, ModelShown

_ID: Final = re.compile(r"sha256:([0-9a-f]{64})")


def _list(request: Request, ports: Ports) -> Answer:
    last = after(request, ports)
    read = queries.page(request.query, last=None if last is None else (int(last[0]), str(last[1])))
    found = ports.reader.fetch(read)
    page = found[: request.query.limit]
    cursor = None
    if len(found) > len(page):
        cursor = cursor_after(queries.key(page[-1]), request, ports)
    return Answer(
        body=ModelPage(models=tuple(map(model.listed, page)), next_cursor=cursor),
        headers=() if cursor is None else (link_to_next(cursor, request),),
    )


def _get(request: Request, ports: Ports) -> Answer:
    named = _ID.fullmatch(request.path["model_id"])
    row = None if named is None else queries.model(ports.reader, named[1])
    if row is None:
        raise Refusal(MODEL_NOT_FOUND)
    return Answer(body=model.shown(row))


ROUTES: Final = (
    op(
        "get",
        "/v1/models",
        name="list_models",
        summary="Models that strategies may name, the newest first.",
        query=ModelQuery,
        gives=(200, ModelPage),
        scope="models:read",
        writes=False,
        run=_list,
    ),
    op(
        "get",
        "/v1/models/{model_id}",
        name="get_model",
        summary="One model: what it reads, what it was trained on, what was measured.",
        gives=(200, ModelShown),
        refuses=(MODEL_NOT_FOUND,),
        scope="models:read",
        writes=False,
        run=_get,
    ),
)
