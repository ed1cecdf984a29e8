"""Handlers of strategies: another one decides. Pure; the switch itself follows the commit.

Both run alone, so that in the log everything before the entry was judged by the old strategy and
everything behind it by the new one.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from risk.scored import ModelRef
from risk.strategy_content import NotAStrategy
from service.db.statements import Row
from service.kernel.errors import Problem
from service.rooms.strategies import contract, model, store
from service.rooms.strategies.contract import ActivateStrategy, GoBack
from service.rooms.strategies.model import Desk, StrategyRefused
from service.unit_of_work.commands import HOUSE, Call
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

ACTIVATED: Final = "strategy.activated"
WENT_BACK: Final = "strategy.went_back"


# Why a model that a strategy names cannot score; None when it can.
WhyNot = Callable[[ModelRef], str | None]


def handlers(desk: Desk, why_not: WhyNot = lambda _named: None) -> tuple[Handler, ...]:
    """Return this room's handlers.

    Args:
        desk: Whose signature counts, and what this software judges by itself.
        why_not: Asked about the model of a strategy that is to decide.
    """
    at = _At(desk, why_not)
    return (
        _handler(ActivateStrategy, partial(activate, at)),
        _handler(GoBack, partial(go_back, at)),
    )


class _At(NamedTuple):
    """What is asked before a strategy decides."""

    desk: Desk
    why_not: WhyNot


def _handler(command: type, run: Any) -> Handler:
    return Handler(command=command, run=run, keys=_keys, reads=None, entities=no_entities)


def _keys(_command: ActivateStrategy | GoBack, _call: Call) -> Sequence[str]:
    return ("strategy",)


def activate(at: _At, view: View, command: ActivateStrategy, ctx: Context) -> Outcome:
    """Let a strategy decide, if it is signed under the next number and fits this software."""
    # No route leads here; a merchant that could bring a strategy could approve what it likes.
    assert ctx.call.tenant_id == HOUSE
    newest = view.maybe(store.NEWEST(tenant_id=HOUSE))
    refused = partial(_refused, kind=ACTIVATED, subject=command.strategy_id)
    if newest is not None and newest["strategy_id"] == command.strategy_id:
        return refused(contract.STRATEGY_ACTIVE)
    row = {
        "tenant_id": HOUSE,
        "number": command.number,
        "strategy_id": command.strategy_id,
        "origin": at.desk.origin(command.strategy_id),
        "how": "start" if ctx.call.principal == "writer" else "activated",
        "back_to": _before(newest, command.strategy_id, at.desk),
        "content": command.content,
        "note": command.note,
        "activated_by": ctx.call.principal,
        "activated_at": ctx.now,
    }
    return _in_force(at, row, newest, kind=ACTIVATED) or _accepted(row, newest, kind=ACTIVATED)


def _before(newest: Row | None, strategy_id: str, desk: Desk) -> int | None:
    """Return to which number going back leads from what comes after the newest."""
    if newest is None:
        return None
    try:
        # A start puts the newest in force again under the id that new code gives it.
        is_the_same = model.opened(newest, desk).strategy.id == strategy_id
    except (StrategyRefused, NotAStrategy):
        is_the_same = False
    back_to: int | None = newest["back_to" if is_the_same else "number"]
    return back_to


def go_back(at: _At, view: View, command: GoBack, ctx: Context) -> Outcome:
    """Let the strategy before decide again; going back once more leads one further back."""
    assert ctx.call.tenant_id == HOUSE
    newest = view.maybe(store.NEWEST(tenant_id=HOUSE))
    target = None
    if newest is not None and newest["back_to"] is not None:
        target = view.maybe(store.NUMBERED(tenant_id=HOUSE, number=newest["back_to"]))
    if target is None:
        return _refused(contract.STRATEGY_FIRST, kind=WENT_BACK, subject=command.strategy_id)
    refused = partial(_refused, kind=WENT_BACK, subject=command.strategy_id)
    try:
        # Kept by software whose code decided otherwise, it has another id by now.
        found = model.opened(target, at.desk)
    except StrategyRefused:
        return refused(contract.STRATEGY_UNSIGNED)
    except NotAStrategy as error:
        return refused(contract.STRATEGY_UNFIT, why=model.unfit(error))
    row = {
        **target,
        "strategy_id": found.strategy.id,
        "content": found.content,
        "number": command.number,
        "note": command.note,
        "origin": at.desk.origin(found.strategy.id),
        "how": "back",
        "activated_by": ctx.call.principal,
        "activated_at": ctx.now,
    }
    if found.strategy.id != command.strategy_id:
        return refused(contract.STRATEGY_CHANGED)
    return _in_force(at, row, newest, kind=WENT_BACK) or _accepted(row, newest, kind=WENT_BACK)


def _in_force(at: _At, row: dict[str, Any], newest: Row | None, *, kind: str) -> Refused | None:
    """Return why a row cannot decide, or None."""
    refused = partial(_refused, kind=kind, subject=row["strategy_id"])
    if row["number"] != (1 if newest is None else newest["number"] + 1):
        return refused(contract.STRATEGY_CHANGED)
    try:
        found = model.opened(row, at.desk)
    except StrategyRefused:
        return refused(contract.STRATEGY_UNSIGNED)
    except NotAStrategy as error:
        return refused(contract.STRATEGY_UNFIT, why=model.unfit(error))
    if found.strategy.id != row["strategy_id"]:
        # Kept by software whose code decides otherwise over the same content.
        return refused(contract.STRATEGY_UNFIT, why="other_engine")
    named = found.strategy.model
    # A start has to decide by something: what is in force stays, and is judged by without scores.
    if named is not None and row["how"] != "start":
        why = at.why_not(named)
        if why is not None:
            return refused(contract.STRATEGY_UNFIT, why=why)
    return None


def _accepted(row: dict[str, Any], newest: Row | None, *, kind: str) -> Accepted:
    told = model.shown(row)
    entry = Entry(
        kind=kind,
        subject=told.strategy_id,
        strategy=told.strategy_id,
        fields={
            "number": told.number,
            "origin": told.origin,
            "how": told.how,
            "before": None if newest is None else newest["strategy_id"],
            "note": row["note"],
        },
    )
    insert = store.INSERT_STRATEGY(**row)
    return Accepted(reply=told, entries=(entry,), changes=(Change(bound=insert),))


def _refused(problem: Problem, *, kind: str, subject: str, why: str | None = None) -> Refused:
    fields = {"problem": problem.code} if why is None else {"problem": problem.code, "why": why}
    entry = Entry(kind=kind, subject=subject, outcome="failure", fields=fields)
    return Refused(problem=problem, entries=(entry,))
