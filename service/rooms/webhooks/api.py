"""Routes of webhook endpoints and deliveries. A secret is shown by the answer that makes it."""

from typing import Final

import msgspec

from keys.webhooks import SigningKeys
from service.http.paging import cut, newest_after
from service.http.ports import Ports
from service.http.routes import Answer, Request, answer_of, op, settle
from service.kernel.errors import Refusal
from service.kernel.ids import new_id
from service.rooms.webhooks import contract, queries
from service.rooms.webhooks.contract import (
    DELIVERY_NOT_FOUND,
    ENDPOINT_NOT_FOUND,
    CreateEndpoint,
    DeleteEndpoint,
    Delivery,
    DeliveryPage,
    DisableEndpoint,
    EnableEndpoint,
    Endpoint,
    EndpointList,
    EndpointMade,
    NothingMore,
    ReplayDeliveries,
    ReplayDelivery,
    Replayed,
    RotateSecret,
    UpdateEndpoint,
)
from service.rooms.webhooks.model import NewKeys, new_keys
from service.unit_of_work.commands import Command, Reply


def _owner(request: Request) -> queries.Owner:
    caller = request.caller
    return caller.tenant_id, caller.merchant_id, caller.mode


def _keys(request: Request, ports: Ports) -> NewKeys:
    tenant_id, merchant_id, mode = _owner(request)
    secret_id = new_id("whs", now=ports.clock.now(), entropy=ports.entropy)
    return new_keys(
        SigningKeys.generate(ports.entropy),
        place=(tenant_id, merchant_id, mode, secret_id),
        sealer=ports.sealer,
        entropy=ports.entropy,
    )


def _submit(request: Request, ports: Ports, command: Command) -> Reply:
    return settle(ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns))


def _made(reply: Reply, keys: NewKeys, *, status: int) -> Answer:
    endpoint = reply.read(Endpoint)
    # The first answer went with its own secret; the one made for this request signs nothing.
    secret = None if reply.replayed else keys.text
    body = EndpointMade(**msgspec.structs.asdict(endpoint), secret=secret)
    return answer_of(reply, body, status=status)


def _create(request: Request, ports: Ports) -> Answer:
    keys = _keys(request, ports)
    body: contract.CreateEndpointRequest = request.body
    command = CreateEndpoint(**msgspec.structs.asdict(body), **keys.sealed)
    return _made(_submit(request, ports, command), keys, status=201)


def _rotate(request: Request, ports: Ports) -> Answer:
    keys = _keys(request, ports)
    command = RotateSecret(
        endpoint_id=request.path["endpoint_id"], overlap_s=request.body.overlap_s, **keys.sealed
    )
    return _made(_submit(request, ports, command), keys, status=200)


def _list(request: Request, ports: Ports) -> Answer:
    found = queries.endpoints(ports.reader, _owner(request), now=ports.clock.now())
    return Answer(body=EndpointList(endpoints=tuple(found)))


def _endpoint(request: Request, ports: Ports) -> Endpoint:
    found = queries.endpoint(
        ports.reader, _owner(request), request.path["endpoint_id"], now=ports.clock.now()
    )
    if found is None:
        raise Refusal(ENDPOINT_NOT_FOUND)
    return found


def _get(request: Request, ports: Ports) -> Answer:
    return Answer(body=_endpoint(request, ports))


def _update(request: Request, ports: Ports) -> Answer:
    body: contract.UpdateEndpointRequest = request.body
    command = UpdateEndpoint(
        endpoint_id=request.path["endpoint_id"], **msgspec.structs.asdict(body)
    )
    reply = _submit(request, ports, command)
    return answer_of(reply, reply.read(Endpoint))


def _disable(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, DisableEndpoint(endpoint_id=request.path["endpoint_id"]))
    return answer_of(reply, reply.read(Endpoint))


def _enable(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, EnableEndpoint(endpoint_id=request.path["endpoint_id"]))
    return answer_of(reply, reply.read(Endpoint))


def _delete(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, DeleteEndpoint(endpoint_id=request.path["endpoint_id"]))
    return answer_of(reply, reply.read(Endpoint))


def _deliveries(request: Request, ports: Ports) -> Answer:
    endpoint = _endpoint(request, ports)
    read = queries.page(
        request.query,
        owner=_owner(request),
        endpoint_id=endpoint.id,
        last=newest_after(request, ports),
    )
    found = [queries.delivery(row) for row in ports.reader.fetch(read)]
    page = cut(found, queries.key, request, ports)
    return Answer(
        body=DeliveryPage(deliveries=tuple(page.rows), next_cursor=page.next_cursor),
        headers=page.headers,
    )


def _replay(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, ReplayDelivery(delivery_id=request.path["delivery_id"]))
    return answer_of(reply, reply.read(Delivery))


def _replay_range(request: Request, ports: Ports) -> Answer:
    command = ReplayDeliveries(
        endpoint_id=request.path["endpoint_id"],
        created_from=request.body.created_from,
        created_to=request.body.created_to,
    )
    reply = _submit(request, ports, command)
    return answer_of(reply, reply.read(Replayed))


ROUTES: Final = (
    op(
        "post",
        "/v1/webhook_endpoints",
        name="create_webhook_endpoint",
        summary="Name an address that is told what happens; its secret is shown this once.",
        takes=contract.CreateEndpointRequest,
        gives=(201, EndpointMade),
        refuses=(contract.URL_NOT_ALLOWED, contract.ENDPOINTS_LIMIT),
        scope="webhooks:write",
        writes=True,
        run=_create,
    ),
    op(
        "get",
        "/v1/webhook_endpoints",
        name="list_webhook_endpoints",
        summary="Every webhook endpoint of the merchant in this mode, the oldest first.",
        gives=(200, EndpointList),
        scope="webhooks:read",
        writes=False,
        run=_list,
    ),
    op(
        "get",
        "/v1/webhook_endpoints/{endpoint_id}",
        name="get_webhook_endpoint",
        summary="A webhook endpoint with its public keys.",
        gives=(200, Endpoint),
        refuses=(ENDPOINT_NOT_FOUND,),
        scope="webhooks:read",
        writes=False,
        run=_get,
    ),
    op(
        "post",
        "/v1/webhook_endpoints/{endpoint_id}",
        name="update_webhook_endpoint",
        summary="Change an endpoint's address, description or kinds.",
        takes=contract.UpdateEndpointRequest,
        gives=(200, Endpoint),
        refuses=(ENDPOINT_NOT_FOUND, contract.URL_NOT_ALLOWED),
        scope="webhooks:write",
        writes=True,
        run=_update,
    ),
    op(
        "post",
        "/v1/webhook_endpoints/{endpoint_id}/rotate",
        name="rotate_webhook_secret",
        summary="Give an endpoint new keys; the old ones sign beside them during an overlap.",
        takes=contract.RotateRequest,
        gives=(200, EndpointMade),
        refuses=(ENDPOINT_NOT_FOUND,),
        scope="webhooks:write",
        writes=True,
        run=_rotate,
    ),
    op(
        "post",
        "/v1/webhook_endpoints/{endpoint_id}/disable",
        name="disable_webhook_endpoint",
        summary="Stop an endpoint's deliveries; what happens meanwhile can be replayed.",
        takes=NothingMore,
        gives=(200, Endpoint),
        refuses=(ENDPOINT_NOT_FOUND,),
        scope="webhooks:write",
        writes=True,
        run=_disable,
    ),
    op(
        "post",
        "/v1/webhook_endpoints/{endpoint_id}/enable",
        name="enable_webhook_endpoint",
        summary="Let an endpoint get deliveries again.",
        takes=NothingMore,
        gives=(200, Endpoint),
        refuses=(ENDPOINT_NOT_FOUND,),
        scope="webhooks:write",
        writes=True,
        run=_enable,
    ),
    op(
        "post",
        "/v1/webhook_endpoints/{endpoint_id}/delete",
        name="delete_webhook_endpoint",
        summary="Forget an endpoint and destroy its keys.",
        takes=NothingMore,
        gives=(200, Endpoint),
        refuses=(ENDPOINT_NOT_FOUND,),
        scope="webhooks:write",
        writes=True,
        run=_delete,
    ),
    op(
        "post",
        "/v1/webhook_endpoints/{endpoint_id}/replay",
        name="replay_webhook_deliveries",
        summary="Put an endpoint's deliveries of a time in line again, a bounded number at once.",
        takes=contract.ReplayRequest,
        gives=(200, Replayed),
        refuses=(ENDPOINT_NOT_FOUND, contract.RANGE_INVALID),
        scope="webhooks:write",
        writes=True,
        run=_replay_range,
    ),
    op(
        "get",
        "/v1/webhook_endpoints/{endpoint_id}/deliveries",
        name="list_webhook_deliveries",
        summary="An endpoint's deliveries of the last 35 days, the newest first.",
        query=contract.PageQuery,
        gives=(200, DeliveryPage),
        refuses=(ENDPOINT_NOT_FOUND,),
        scope="webhooks:read",
        writes=False,
        run=_deliveries,
    ),
    op(
        "post",
        "/v1/webhook_deliveries/{delivery_id}/replay",
        name="replay_webhook_delivery",
        summary="Put one delivery in line again, whatever became of it.",
        takes=NothingMore,
        gives=(200, Delivery),
        refuses=(DELIVERY_NOT_FOUND,),
        scope="webhooks:write",
        writes=True,
        run=_replay,
    ),
)
