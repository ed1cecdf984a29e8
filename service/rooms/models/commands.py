"""Handlers of models: parts of files are kept, and a signed model is added. Pure."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from keys.notes import Verifier
from service.db.statements import Row
from service.kernel.errors import Problem
from service.rooms.models import contract, model, store
from service.rooms.models.contract import AddModel, AddModelPart, NoteScorer, PartKept, ScorerNoted
from service.rooms.models.model import ModelRefused
from service.unit_of_work.commands import HOUSE, Call
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

ADDED: Final = "model.added"
REFUSED: Final = "model.refused"
PART_KEPT: Final = "model.part_kept"
PART_HEALED: Final = "model.part_healed"
HEALED: Final = "model.healed"
NOTED: Final = {"none": "scorer.none", "ready": "scorer.ready", "down": "scorer.down"}


def handlers(verifier: Verifier) -> tuple[Handler, ...]:
    """Return this room's handlers.

    Args:
        verifier: Whose signature over a model counts.
    """
    return (
        _handler(AddModelPart, keep_part),
        _handler(AddModel, partial(add, verifier)),
        _handler(NoteScorer, note_scorer),
    )


def _handler(command: type, run: Any) -> Handler:
    return Handler(command=command, run=run, keys=_keys, reads=None, entities=no_entities)


def _keys(_command: AddModel | AddModelPart | NoteScorer, _call: Call) -> Sequence[str]:
    return ("model",)


def keep_part(view: View, command: AddModelPart, ctx: Context) -> Outcome:
    """Keep a part of a model's file under its digest."""
    # No route leads here: what scores payments is brought by the house.
    assert ctx.call.tenant_id == HOUSE
    sha256 = model.digest(command.content)
    told = {"bytes": len(command.content)}
    entry = Entry(kind=PART_KEPT, subject=sha256, fields=told)
    kept = PartKept(sha256=sha256)
    there = view.maybe(store.PART(tenant_id=HOUSE, sha256=sha256))
    if there is None:
        write = store.INSERT_PART(tenant_id=HOUSE, sha256=sha256, content=command.content)
    elif there["content"] != command.content:
        entry = Entry(kind=PART_HEALED, subject=sha256, fields=told)
        write = store.HEAL_PART(of_tenant_id=HOUSE, of_sha256=sha256, whole=command.content)
    else:
        return Accepted(reply=kept, entries=(entry,))
    return Accepted(reply=kept, entries=(entry,), changes=(Change(bound=write),))


def add(verifier: Verifier, view: View, command: AddModel, ctx: Context) -> Outcome:
    """Add a model that is signed and whose parts are all there."""
    assert ctx.call.tenant_id == HOUSE
    sha256 = model.digest(command.manifest)
    refused = partial(_refused, subject=sha256)
    try:
        model.check_signature(command.manifest, command.note, verifier)
    except ModelRefused:
        return refused(contract.MODEL_UNSIGNED)
    try:
        told = model.told_of(command.manifest)
    except ModelRefused:
        return refused(contract.MODEL_UNFIT)
    for part in command.parts:
        if view.maybe(store.PART_IS_KEPT(tenant_id=HOUSE, sha256=part)) is None:
            return refused(contract.MODEL_INCOMPLETE)
    row = {
        "tenant_id": HOUSE,
        "sha256": sha256,
        "name": told.name,
        "origin": told.origin,
        "feature_set": told.feature_set,
        "size_bytes": command.bytes_total,
        "parts": msgspec.json.encode(command.parts),
        "manifest": command.manifest,
        "note": command.note,
        "added_by": ctx.call.principal,
        "added_at": ctx.now,
    }
    there = view.maybe(store.MODEL(tenant_id=HOUSE, sha256=sha256))
    if there is not None:
        healed = _healed(there, row)
        return refused(contract.MODEL_EXISTS) if healed is None else healed
    entry = Entry(
        kind=ADDED,
        subject=sha256,
        fields={
            "name": told.name,
            "origin": told.origin,
            "feature_set": told.feature_set,
            "bytes": command.bytes_total,
            "note": command.note,
        },
    )
    # Its primary key holds it once, whoever else inserts it.
    insert = Change(bound=store.INSERT_MODEL(**row), refusal=refused(contract.MODEL_EXISTS))
    return Accepted(reply=model.added(row), entries=(entry,), changes=(insert,))


def _healed(there: Row, whole: Mapping[str, Any]) -> Accepted | None:
    """Put a row back as the signed file has it; None where it is so already."""
    to = {name: whole[name] for name in ("size_bytes", "parts", "manifest", "note")}
    if all(there[name] == value for name, value in to.items()):
        return None
    sha256 = whole["sha256"]
    write = store.HEAL_MODEL(
        of_tenant_id=HOUSE, of_sha256=sha256, **{f"to_{name}": value for name, value in to.items()}
    )
    entry = Entry(kind=HEALED, subject=sha256, fields={"note": whole["note"]})
    return Accepted(reply=model.added(there), entries=(entry,), changes=(Change(bound=write),))


def note_scorer(view: View, command: NoteScorer, ctx: Context) -> Outcome:
    """Note whether the model of the strategy in force scores, so that others can see it."""
    assert ctx.call.tenant_id == HOUSE
    newest = view.maybe(store.NEWEST_SCORER(tenant_id=HOUSE))
    number = 1 if newest is None else newest["number"] + 1
    entry = Entry(
        kind=NOTED[command.state],
        subject="none" if command.model is None else command.model.removeprefix(model.ID_HEAD),
        outcome="failure" if command.state == "down" else "success",
        fields={"number": number, "why": command.why},
    )
    insert = store.INSERT_SCORER(
        tenant_id=HOUSE,
        number=number,
        model=command.model,
        state=command.state,
        why=command.why,
        noted_at=ctx.now,
    )
    return Accepted(
        reply=ScorerNoted(number=number, state=command.state),
        entries=(entry,),
        changes=(Change(bound=insert),),
    )


def _refused(problem: Problem, *, subject: str) -> Refused:
    entry = Entry(
        kind=REFUSED, subject=subject, outcome="failure", fields={"problem": problem.code}
    )
    return Refused(problem=problem, entries=(entry,))
