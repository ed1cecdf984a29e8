"""A fault at each step of a real handler: its effects are gone, its neighbours' are not.

A step is every look at a row or a feature state, every draw of entropy, the return, and each
statement of what was returned. Faults enter by the handler's own arguments.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from typing_extensions import override

from keys.sealing import Sealer
from risk.strategy import load_strategy
from service.db.places import Place
from service.db.statements import Bound, Row
from service.kernel.errors import Faulted
from service.kernel.facts import PayerKept
from service.rooms.assessments.public import Judge
from service.rooms.payments import commands as payments
from service.rooms.payments import store
from service.rooms.payments.contract import (
    CancelPayment,
    CreatePayment,
    ExecutePayment,
    ExpirePayment,
    IssueToken,
    JudgeAgain,
    ReportEvent,
)
from service.state.codec import WindowStates
from service.state.entities import EntityKey
from service.unit_of_work.commands import Command, Reply
from service.unit_of_work.handlers import Context, Handler, Handlers, View
from service.unit_of_work.outcome import Accepted, Change, Outcome
from service.unit_of_work.rerun import rerun
from service.unit_of_work.tables import FAULTS
from service.writer.handlers import all_handlers
from tests.support.desk import ISSUER, Desk
from tests.support.uow import House, an_idempotency

NEVER: Final = 10_000


class Planted(Exception):  # noqa: N818  names what it is
    """The fault of this test."""


class Plan:
    """Says at which step the next run of one command fails; counts the steps of a sound run."""

    def __init__(self) -> None:
        self.of: Command | None = None
        self.at = NEVER
        self.seen = 0

    def step(self) -> None:
        self.seen += 1
        if self.seen > self.at:
            raise Planted

    def aim(self, of: Command, *, at: int) -> None:
        self.of, self.at, self.seen = of, at, 0


class FaultyView(View):
    """Every look is a step."""

    def __init__(self, within: View, plan: Plan) -> None:
        self._within = within
        self._plan = plan

    @override
    def rows(self, read: Bound) -> list[Row]:
        self._plan.step()
        return self._within.rows(read)

    @override
    def maybe(self, read: Bound) -> Row | None:
        self._plan.step()
        return self._within.maybe(read)

    @override
    def entity(self, key: EntityKey) -> Any:
        self._plan.step()
        return self._within.entity(key)


def planted(handlers: Iterable[Handler], plan: Plan) -> Iterable[Handler]:
    """Yield handlers that fail where the plan says."""
    for handler in handlers:
        yield replace(handler, run=_around(handler, plan))


def _around(handler: Handler, plan: Plan) -> Callable[[View, Any, Context], Outcome]:
    def run(view: View, command: Any, ctx: Context) -> Outcome:
        if command != plan.of:
            return handler.run(view, command, ctx)
        # The batch runs again when a guard fails; every run takes the same steps.
        plan.seen = 0

        def entropy(count: int) -> bytes:
            plan.step()
            return ctx.entropy(count)

        outcome = handler.run(FaultyView(view, plan), command, replace(ctx, entropy=entropy))
        plan.step()
        return _with_bad_change(outcome, plan, ctx)

    return run


def _with_bad_change(outcome: Outcome, plan: Plan, ctx: Context) -> Outcome:
    """Return an outcome one of whose statements fails, if the plan's step is among them."""
    assert isinstance(outcome, Accepted)
    for place in range(len(outcome.changes) + 1):
        plan.seen += 1
        if plan.seen > plan.at:
            # A token that is not there: the guard of a statement of the product fails.
            nothing = {"tenant_id": "ten", "jti": "none", "payment_id": "pay", "now": ctx.now}
            bad = Change(bound=store.VOID_TOKEN(**nothing))
            changes = (*outcome.changes[:place], bad, *outcome.changes[place:])
            return replace(outcome, changes=changes)
    return outcome


class FaultyDesk(Desk):
    """A merchant under preset CN whose handlers fail where the plan says."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.strategy = load_strategy()
        self.sealer = Sealer(bytes(32))
        self.sound = all_handlers(Judge(self.strategy, self.sealer), issuer=ISSUER)
        self.faulty = Handlers(planted(self.sound.names.values(), plan))
        self.house = House(folder, self.faulty.names.values(), codec=WindowStates())
        self.call = self.another(preset="CN")
        self.register()

    def own_rows(self) -> dict[str, list[Row]]:
        """Return what the merchant's tenant has, but for the log and the faulted commands."""
        return {
            name: [row for row in rows if row.get("tenant_id") == self.call.tenant_id]
            for name, rows in self.house.dump().items()
            if name != FAULTS.name
        }

    def states(self, command: Command) -> list[bytes]:
        """Return the feature state of everything that a command observes."""
        keys = self.sound.of(command).entities(command, self.call)
        cache, codec = self.house.cache, WindowStates()
        return [
            (codec.new(key.kind) if cache.missing([key]) else cache.get(key)).pack() for key in keys
        ]

    def rerun(self, row: Row, handlers: Handlers) -> Outcome | str:
        return rerun(
            row,
            handlers=handlers,
            reader=self.house.spanning,
            sealer=self.sealer,
            codec=WindowStates(),
        )


def to_create(desk: Desk) -> Command:
    return CreatePayment(facts=desk.small())


def to_execute(desk: Desk) -> Command:
    return desk.execution(desk.pay(desk.small()).token)


def to_issue(desk: Desk) -> Command:
    return IssueToken(payment_id=desk.pay(desk.small()).payment.id)


def to_report(desk: Desk) -> Command:
    token = desk.pay(desk.small()).token
    return desk.event(desk.execute(token).payment.id, "authorized")


def to_cancel(desk: Desk) -> Command:
    return CancelPayment(payment_id=desk.pay(desk.small()).payment.id)


def to_expire(desk: Desk) -> Command:
    payment = desk.payment(desk.pay(desk.small()).payment.id)
    assert payment.timer_at is not None
    desk.wait(payment.timer_at - desk.house.clock.now())
    return ExpirePayment(payment_id=payment.payment_id, version=payment.version)


def to_judge_again(desk: Desk) -> Command:
    reply = desk.pay(desk.small())
    assert reply.judged is not None
    return JudgeAgain(payment_id=reply.payment.id, assessment_id=reply.judged.id)


READY: Final[dict[type[Command], Callable[[Desk], Command]]] = {
    CreatePayment: to_create,
    ExecutePayment: to_execute,
    IssueToken: to_issue,
    ReportEvent: to_report,
    CancelPayment: to_cancel,
    ExpirePayment: to_expire,
    JudgeAgain: to_judge_again,
}


def test_every_command_of_payments_is_among_these() -> None:
    judge = Judge(load_strategy(), Sealer(bytes(32)))

    assert {handler.command for handler in payments.handlers(judge, issuer=ISSUER)} == set(READY)


@pytest.mark.parametrize("kind", READY, ids=lambda kind: kind.__name__)
def test_a_fault_at_any_step_leaves_no_effect_and_harms_no_neighbour(
    place: Place, kind: type[Command]
) -> None:
    plan = Plan()
    desk = FaultyDesk(place, plan)
    neighbour = desk.another()
    command = READY[kind](desk)
    call = msgspec.structs.replace(desk.call, idempotency=an_idempotency())
    causes = []

    for step in range(NEVER):
        plan.aim(command, at=step)
        rows, states = desk.own_rows(), desk.states(command)
        results = desk.house.run_batch(
            [
                (CreatePayment(facts=desk.facts(payer=payer(f"before-{step}"))), neighbour),
                (command, call),
                (CreatePayment(facts=desk.facts(payer=payer(f"after-{step}"))), neighbour),
            ]
        )
        result = results.pop(1)
        assert [one.kind for one in results if isinstance(one, Reply)] == ["accepted"] * 2
        if not isinstance(result, Faulted):
            break
        assert desk.own_rows() == rows
        assert desk.states(command) == states
        causes.append(check_record(desk, result.fault_id))

    assert isinstance(result, Reply)
    assert (result.kind, result.replayed) == ("accepted", False)
    assert any("Planted" in cause for cause in causes)
    assert any("guard failed: void payment token" in cause for cause in causes)
    assert len(causes) == plan.seen


def payer(payer_id: str) -> PayerKept:
    return PayerKept(payer_key=payer_id, payer_id=payer_id)


def check_record(desk: FaultyDesk, fault_id: str) -> str:
    """Hold that a fault is in the log, sealed, and happens again when it is run dry."""
    [row] = [one for one in desk.house.rows(FAULTS) if one["fault_id"] == fault_id]
    entry = desk.house.entries("command.faulted")[-1]
    assert (entry["subject"], entry["outcome"]) == (fault_id, "failure")
    again = desk.rerun(row, desk.faulty)
    if isinstance(again, str):
        assert again == row["cause"]
    else:
        # No statement is run dry: that a guard failed only its record says, and which.
        names = [change.bound.statement.name for change in again.changes]
        assert row["cause"] == "guard failed: void payment token: 0 rows"
        assert "void payment token" in names
    sound = desk.rerun(row, desk.sound)
    assert isinstance(sound, Accepted)
    assert isinstance(sound.reply, desk.sound.named(row["command"]).command.gives)
    return str(row["cause"])
