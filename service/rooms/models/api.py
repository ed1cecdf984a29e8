"""Routes of models: which there are, and what their makers signed of them. Read only."""

import re
from typing import Final

from service.http.paging import cut, newest_after
from service.http.ports import Ports
from service.http.routes import Answer, Request, op
from service.kernel.errors import Refusal
from service.rooms.models import model, queries
from service.rooms.models.contract import (
    MODEL_DAMAGED,
    MODEL_NOT_FOUND,
    ModelPage,
    ModelQuery,
    ModelShown,
)

_ID: Final = re.compile(r"sha256:([0-9a-f]{64})")


def _list(request: Request, ports: Ports) -> Answer:
    read = queries.page(request.query, last=newest_after(request, ports))
    found = ports.reader.fetch(read)
    page = cut(found, queries.key, request, ports)
    return Answer(
        body=ModelPage(models=tuple(map(model.listed, page.rows)), next_cursor=page.next_cursor),
        headers=page.headers,
    )


def _get(request: Request, ports: Ports) -> Answer:
    named = _ID.fullmatch(request.path["model_id"])
    row = None if named is None else queries.model(ports.reader, named[1])
    if row is None:
        raise Refusal(MODEL_NOT_FOUND)
    try:
        return Answer(body=model.shown(row))
    except model.ModelRefused as error:
        raise Refusal(MODEL_DAMAGED) from error


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
        refuses=(MODEL_NOT_FOUND, MODEL_DAMAGED),
        scope="models:read",
        writes=False,
        run=_get,
    ),
)
