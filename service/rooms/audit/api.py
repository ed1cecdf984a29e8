"""Routes of the log: checkpoints, a merchant's own entries, proofs. Change nothing."""

from typing import Final

from service.db.statements import Row
from service.http.ports import Ports
from service.http.routes import Answer, Request, op
from service.kernel.errors import Refusal
from service.rooms.audit import contract, model, queries
from service.rooms.audit.contract import (
    CHECKPOINT_NOT_FOUND,
    LOG,
    LOG_ENTRY_NOT_FOUND,
    LOG_NOT_SIGNED_YET,
    LOG_SIZES_INVALID,
)


def _checkpoint(request: Request, ports: Ports) -> Answer:
    size = request.query.size
    if size is None:
        return Answer(body=model.shown_checkpoint(_newest(ports)))
    found = queries.checkpoint(ports.reader, LOG, size)
    if found is None:
        raise Refusal(CHECKPOINT_NOT_FOUND)
    return Answer(body=model.shown_checkpoint(found))


def _newest(ports: Ports) -> Row:
    found = queries.latest(ports.reader, LOG)
    if found is None:
        raise Refusal(LOG_NOT_SIGNED_YET)
    return found


def _entries(request: Request, ports: Ports) -> Answer:
    caller = request.caller
    read = queries.OWN_ENTRIES(
        tenant_id=caller.tenant_id,
        merchant_id=caller.merchant_id,
        after=request.query.after,
        limit=request.query.limit + 1,
    )
    rows = ports.reader.fetch(read)
    page = rows[: request.query.limit]
    # Numbers count over both modes, and a key sees those of its own.
    shown = [model.shown(row) for row in page if model.mode_of(row) == caller.mode]
    return Answer(
        body=contract.LogEntryPage(
            entries=tuple(shown), next_after=page[-1]["number"] if len(rows) > len(page) else None
        )
    )


def _inclusion(request: Request, ports: Ports) -> Answer:
    caller, index = request.caller, request.query.index
    read = queries.OWN_ENTRY(
        tenant_id=caller.tenant_id, merchant_id=caller.merchant_id, log=LOG, position=index
    )
    row = ports.reader.maybe(read)
    if row is None or model.mode_of(row) != caller.mode:
        raise Refusal(LOG_ENTRY_NOT_FOUND)
    latest = _newest(ports)["size"]
    size = request.query.size or latest
    if index >= size:
        raise Refusal(LOG_NOT_SIGNED_YET)
    if size > latest:
        raise Refusal(LOG_SIZES_INVALID)
    tree = queries.Tree(ports.reader, LOG, size)
    return Answer(
        body=contract.InclusionProof(
            entry=model.shown(row),
            size=size,
            root=tree.root(size).hex(),
            hashes=tuple(one.hex() for one in tree.inclusion(index)),
        )
    )


def _consistency(request: Request, ports: Ports) -> Answer:
    latest = _newest(ports)["size"]
    old, new = request.query.old, request.query.new or latest
    if not old <= new <= latest:
        raise Refusal(LOG_SIZES_INVALID)
    tree = queries.Tree(ports.reader, LOG, new)
    return Answer(
        body=contract.ConsistencyProof(
            old=old,
            new=new,
            old_root=tree.root(old).hex(),
            new_root=tree.root(new).hex(),
            hashes=tuple(one.hex() for one in tree.consistency(old)),
        )
    )


SCOPE: Final = "audit:read"
ROUTES: Final = (
    op(
        "get",
        "/v1/audit/checkpoint",
        name="get_checkpoint",
        summary="A signed checkpoint of the log of entries: the latest, or that of one size.",
        query=contract.CheckpointQuery,
        gives=(200, contract.Checkpoint),
        refuses=(CHECKPOINT_NOT_FOUND, LOG_NOT_SIGNED_YET),
        scope=SCOPE,
        writes=False,
        run=_checkpoint,
    ),
    op(
        "get",
        "/v1/audit/entries",
        name="list_log_entries",
        summary="The merchant's own entries of this mode, by growing number.",
        query=contract.EntryQuery,
        gives=(200, contract.LogEntryPage),
        scope=SCOPE,
        writes=False,
        run=_entries,
    ),
    op(
        "get",
        "/v1/audit/inclusion",
        name="prove_log_entry",
        summary="One of the merchant's own entries, with the proof that it is in the log.",
        query=contract.InclusionQuery,
        gives=(200, contract.InclusionProof),
        refuses=(LOG_ENTRY_NOT_FOUND, LOG_NOT_SIGNED_YET, LOG_SIZES_INVALID),
        scope=SCOPE,
        writes=False,
        run=_inclusion,
    ),
    op(
        "get",
        "/v1/audit/consistency",
        name="prove_log_consistency",
        summary="The proof that the log of one size begins with that of a smaller one.",
        query=contract.ConsistencyQuery,
        gives=(200, contract.ConsistencyProof),
        refuses=(LOG_NOT_SIGNED_YET, LOG_SIZES_INVALID),
        scope=SCOPE,
        writes=False,
        run=_consistency,
    ),
)
