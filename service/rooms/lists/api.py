"""Routes of block, allow and watch lists. A clear contact or address ends here."""

from typing import Final

from service.http.paging import cut, newest_after
from service.http.ports import Ports
from service.http.problems import BODY_INVALID
from service.http.routes import Answer, Request, answer_of, op, settle
from service.kernel.errors import Refusal
from service.rooms.lists import contract, model, queries
from service.rooms.lists.contract import (
    LIST_ENTRY_NOT_FOUND,
    AddEntryRequest,
    ListEntry,
    ListEntryPage,
    RemoveListEntry,
)
from service.unit_of_work.commands import Command, Reply


def _owner(request: Request) -> queries.Owner:
    caller = request.caller
    return caller.tenant_id, caller.merchant_id, caller.mode


def _submit(request: Request, ports: Ports, command: Command) -> Reply:
    return settle(ports.submit(command, call=request.call(), deadline_ns=request.deadline_ns))


def _add(request: Request, ports: Ports) -> Answer:
    body: AddEntryRequest = request.body
    command, errors = model.adding(
        body, key=ports.pseudonym_key, tenant_id=request.caller.tenant_id
    )
    if command is None:
        raise Refusal(BODY_INVALID, errors=errors)
    reply = _submit(request, ports, command)
    return answer_of(reply, reply.read(ListEntry), status=201)


def _get(request: Request, ports: Ports) -> Answer:
    found = queries.entry(ports.reader, _owner(request), request.path["entry_id"])
    if found is None:
        raise Refusal(LIST_ENTRY_NOT_FOUND)
    return Answer(body=_told(request, ports, found))


def _list(request: Request, ports: Ports) -> Answer:
    read = queries.page(
        request.query,
        owner=_owner(request),
        last=newest_after(request, ports),
        now=ports.clock.now(),
    )
    found = [model.shown(row) for row in ports.reader.fetch(read)]
    page = cut(found, queries.key, request, ports)
    told = queries.in_language(ports.reader, page.rows, request.language)
    return Answer(
        body=ListEntryPage(entries=tuple(told), next_cursor=page.next_cursor),
        headers=page.headers,
    )


def _remove(request: Request, ports: Ports) -> Answer:
    reply = _submit(request, ports, RemoveListEntry(entry_id=request.path["entry_id"]))
    return answer_of(reply, _told(request, ports, reply.read(ListEntry)))


def _told(request: Request, ports: Ports, entry: ListEntry) -> ListEntry:
    return queries.in_language(ports.reader, [entry], request.language)[0]


ROUTES: Final = (
    op(
        "post",
        "/v1/lists/entries",
        name="add_list_entry",
        summary="Put an entry on a block, allow or watch list.",
        takes=AddEntryRequest,
        gives=(201, ListEntry),
        refuses=(contract.LIST_ENTRY_EXISTS, contract.LIST_ENTRY_OVER),
        scope="lists:write",
        writes=True,
        run=_add,
    ),
    op(
        "get",
        "/v1/lists/entries",
        name="list_list_entries",
        summary="Entries of the merchant's lists in this mode, the newest first.",
        query=contract.EntryQuery,
        gives=(200, ListEntryPage),
        scope="lists:read",
        writes=False,
        run=_list,
    ),
    op(
        "get",
        "/v1/lists/entries/{entry_id}",
        name="get_list_entry",
        summary="One entry of a list, expired or not.",
        gives=(200, ListEntry),
        refuses=(LIST_ENTRY_NOT_FOUND,),
        scope="lists:read",
        writes=False,
        run=_get,
    ),
    op(
        "post",
        "/v1/lists/entries/{entry_id}/remove",
        name="remove_list_entry",
        summary="Take an entry off its list; payments judged from then on do not meet it.",
        takes=contract.RemoveEntryRequest,
        gives=(200, ListEntry),
        refuses=(LIST_ENTRY_NOT_FOUND,),
        scope="lists:write",
        writes=True,
        run=_remove,
    ),
)
