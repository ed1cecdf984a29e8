"""Handlers of the log's tree. Pure; open no key, and add up no tree."""

from collections.abc import Sequence
from typing import Any, Final

from keys.notes import Checkpoint, NotANote, Verifier, open_checkpoint
from service.db.statements import Bound
from service.kernel.errors import Problem
from service.rooms.audit import contract, store
from service.rooms.audit.contract import (
    AcceptRestore,
    CreateLogKey,
    GrowTree,
    RecordDivergence,
    RecordExport,
)
from service.unit_of_work.commands import HOUSE, Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

_OfLog = CreateLogKey | GrowTree | RecordDivergence | AcceptRestore | RecordExport


def _keys(command: _OfLog, _call: Call) -> Sequence[str]:
    return (f"log:{command.log}",)


def _of(command: _OfLog) -> dict[str, str]:
    return {"tenant_id": HOUSE, "log": command.log}


def _key_reads(command: CreateLogKey, _call: Call) -> Sequence[Bound]:
    return (store.ACTIVE_KEY(**_of(command)),)


@handles(CreateLogKey, keys=_keys, reads=_key_reads)
def create_log_key(view: View, command: CreateLogKey, ctx: Context) -> Outcome:
    """Keep a key where none signs the log yet."""
    # No route leads here; whoever could bring a key could sign another history.
    assert ctx.call.tenant_id == HOUSE
    kind = "log_key.created"
    if view.maybe(store.ACTIVE_KEY(**_of(command))) is not None:
        return _refused(contract.LOG_KEY_EXISTS, kind, command.key_id)
    if not _is_named_by_itself(command):
        return _refused(contract.LOG_KEY_INVALID, kind, command.key_id)
    insert = store.INSERT_KEY(
        **_of(command),
        key_id=command.key_id,
        origin=command.origin,
        public_key=command.public_key,
        sealed_seed=command.sealed_seed,
        state="active",
        created_at=ctx.now,
    )
    fields = {"origin": command.origin, "public_key": command.public_key.hex()}
    return Accepted(
        reply=contract.LogKeyCreated(key_id=command.key_id),
        entries=(Entry(kind=kind, subject=command.key_id, fields=fields),),
        changes=(Change(bound=insert),),
    )


def _is_named_by_itself(command: CreateLogKey) -> bool:
    try:
        return Verifier(command.origin, command.public_key).key_id.hex() == command.key_id
    except NotANote:
        return False


def _growth_reads(command: GrowTree, _call: Call) -> Sequence[Bound]:
    of = _of(command)
    return (store.ACTIVE_KEY(**of), store.LATEST_SIZE(**of), store.OPEN_DIVERGENCE(**of))


@handles(GrowTree, keys=_keys, reads=_growth_reads)
def grow_tree(view: View, command: GrowTree, ctx: Context) -> Outcome:
    """Keep a signed checkpoint and the tiles it is made from, if the tree is where it says."""
    assert ctx.call.tenant_id == HOUSE
    of, kind = _of(command), "log.grown"
    if view.maybe(store.OPEN_DIVERGENCE(**of)) is not None:
        return _refused(contract.LOG_DIVERGED, kind, command.log)
    key, latest = view.maybe(store.ACTIVE_KEY(**of)), view.maybe(store.LATEST_SIZE(**of))
    if key is None or command.before != (latest["size"] if latest else 0):
        return _refused(contract.LOG_TREE_ELSEWHERE, kind, command.log)
    signed = _opened(command.note, Verifier(key["origin"], key["public_key"]))
    if signed is None or not 0 < signed.size - command.before <= contract.LEAVES_AT_ONCE:
        return _refused(contract.LOG_TREE_INVALID, kind, command.log)
    insert = store.INSERT_CHECKPOINT(
        **of,
        size=signed.size,
        root=signed.root,
        note=command.note,
        key_id=key["key_id"],
        signed_at=ctx.now,
    )
    fields = {"before": command.before, "size": signed.size, "root": signed.root.hex()}
    return Accepted(
        reply=contract.TreeGrown(size=signed.size),
        entries=(Entry(kind=kind, subject=command.log, fields=fields),),
        changes=(Change(bound=insert), *_tile_changes(command)),
    )


def _opened(note: str, verifier: Verifier) -> Checkpoint | None:
    try:
        return open_checkpoint(note, (verifier,), verifier.name)
    except NotANote:
        return None


def _tile_changes(command: GrowTree) -> list[Change]:
    changes = []
    for one in command.tiles:
        at = {"of_tenant": HOUSE, "of_log": command.log, "of_level": one.level}
        changes.append(Change(bound=store.DELETE_TILE(**at, of_tile=one.tile)))
        row = {"level": one.level, "tile": one.tile, "hashes": one.hashes}
        changes.append(Change(bound=store.INSERT_TILE(**_of(command), **row)))
    return changes


def _divergence_reads(command: RecordDivergence, _call: Call) -> Sequence[Bound]:
    return (store.OPEN_DIVERGENCE(**_of(command)),)


@handles(RecordDivergence, keys=_keys, reads=_divergence_reads)
def record_divergence(view: View, command: RecordDivergence, ctx: Context) -> Outcome:
    """Record it once; from then on nothing is signed."""
    assert ctx.call.tenant_id == HOUSE
    kind = "log.diverged"
    if view.maybe(store.OPEN_DIVERGENCE(**_of(command))) is not None:
        return _refused(contract.LOG_DIVERGED, kind, command.log)
    divergence_id = ctx.new_id("ldv")
    fields = _told(command)
    insert = store.INSERT_DIVERGENCE(
        **_of(command),
        **fields,
        divergence_id=divergence_id,
        found_at=ctx.now,
        accepted_at=None,
    )
    entry = Entry(kind=kind, subject=divergence_id, outcome="failure", fields=fields)
    return Accepted(
        reply=contract.DivergenceRecorded(divergence_id=divergence_id),
        entries=(entry,),
        changes=(Change(bound=insert),),
    )


def _told(command: RecordDivergence | AcceptRestore) -> dict[str, Any]:
    names = ("reason", "size", "outside_size", "outside_root")
    return {name: getattr(command, name) for name in names}


def _acceptance_reads(command: AcceptRestore, _call: Call) -> Sequence[Bound]:
    return (store.LATEST_SIZE(**_of(command)),)


@handles(AcceptRestore, keys=_keys, reads=_acceptance_reads)
def accept_restore(view: View, command: AcceptRestore, ctx: Context) -> Outcome:
    """Put the operator's statement into the log and let it be signed again."""
    assert ctx.call.tenant_id == HOUSE
    kind = "log.restore_accepted"
    latest = view.maybe(store.LATEST_SIZE(**_of(command)))
    if command.size != (latest["size"] if latest else 0):
        return _refused(contract.LOG_TREE_ELSEWHERE, kind, command.log)
    accepted = store.ACCEPT_DIVERGENCE(of_tenant=HOUSE, of_log=command.log, at=ctx.now)
    return Accepted(
        reply=contract.RestoreAccepted(size=command.size),
        entries=(Entry(kind=kind, subject=command.log, fields=_told(command)),),
        changes=(Change(bound=accepted),),
    )


def _no_reads(_command: RecordExport, _call: Call) -> Sequence[Bound]:
    return ()


@handles(RecordExport, keys=_keys, reads=_no_reads)
def record_export(_view: View, command: RecordExport, ctx: Context) -> Outcome:
    """Record an export before it begins."""
    assert ctx.call.tenant_id == HOUSE
    fields = {"first": command.first, "size": command.size}
    return Accepted(
        reply=contract.ExportRecorded(size=command.size),
        entries=(Entry(kind="log.exported", subject=command.log, fields=fields),),
    )


def _refused(problem: Problem, kind: str, subject: str) -> Refused:
    fields = {"problem": problem.code}
    return Refused(
        problem=problem,
        entries=(Entry(kind=kind, subject=subject, outcome="failure", fields=fields),),
    )


HANDLERS: Final = (
    create_log_key,
    grow_tree,
    record_divergence,
    accept_restore,
    record_export,
)
