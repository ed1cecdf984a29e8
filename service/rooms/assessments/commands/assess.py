"""AssessAction: a login, sign-up, account change, new payee or payout is judged once. Pure."""

from collections.abc import Sequence
from functools import partial

from risk.facts import Facts, Forced
from risk.strategy import Strategy
from service.db.statements import Bound
from service.kernel.errors import MERCHANT_SUSPENDED, OCCURRED_AT_OUT_OF_RANGE, FieldError
from service.kernel.facts import EARLY_MAX, LATE_MAX
from service.rooms.assessments import model, store
from service.rooms.assessments.commands.opening import STATUS, message, opened, refused
from service.rooms.assessments.contract import ActionFacts, ActionReply, AssessAction
from service.rooms.assessments.model import Made, as_answered
from service.rooms.assessments.public import (
    FORCED,
    Judge,
    Known,
    last_change,
    last_change_read,
)
from service.rooms.challenges import public as challenges
from service.rooms.lists import public as lists
from service.rooms.merchants import public as merchants
from service.rooms.merchants.public import MerchantSettings
from service.rooms.payers import public as payers
from service.state.entities import EntityKey
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View
from service.unit_of_work.outcome import Accepted, Change, Entry, Event, Outcome


def assess_action_handler(judge: Judge) -> Handler:
    """Return the handler of AssessAction."""
    return Handler(
        command=AssessAction,
        run=partial(_assess, judge),
        keys=partial(_assess_keys, judge),
        reads=partial(_assess_reads, judge),
        entities=partial(_assess_entities, judge),
    )


def _assess(judge: Judge, view: View, command: AssessAction, ctx: Context) -> Outcome:
    told = command.facts
    settings = merchants.settings(view, ctx.call)
    if settings is None or not settings.is_active:
        return refused(MERCHANT_SUSPENDED, "assessment.not_taken", MERCHANT_SUSPENDED.code)
    if not ctx.now - LATE_MAX <= told.occurred_at <= ctx.now + EARLY_MAX:
        return _untimely()
    facts = _facts(command, ctx.call)
    known = _known(view, told, facts, ctx, settings, judge.strategy)
    judged = judge.judge(view, facts, known, subject_id=None, ctx=ctx)
    assert judged.counted is None, "nobody's consent to small payments is asked for here"
    said = judged.assessment
    listed = lists.by_rules(judge.strategy, judged, facts, known.lists, ctx)
    challenge, hold, written, entries = opened(ctx, judged.id, said)
    body = Made(
        at=ctx.now,
        tenant_id=ctx.call.tenant_id,
        assessment_id=judged.id,
        merchant_id=ctx.call.merchant_id,
        mode=ctx.call.mode,
        facts=told,
        outcome=said.outcome,
        reason_code=said.reason_code,
        level=said.level,
        to=STATUS[said.outcome],
        challenge_id=challenge.challenge_id if challenge else None,
        hold_id=hold.hold_id if hold else None,
        ends_at=challenge.expires_at if challenge else hold.ends_at if hold else None,
    )
    action = model.made(body)
    inserted = Change(bound=store.insert_action(action))
    entry = Entry(
        kind="assessment.opened",
        subject=judged.id,
        strategy=said.strategy,
        fields={"event": told.event, "status": action.status, "changes": list(told.changes or ())},
    )
    event = Event(
        type=model.MADE,
        subject_id=judged.id,
        occurred_at=told.occurred_at,
        body=body,
        observations=judged.observations,
    )
    return Accepted(
        reply=ActionReply(
            action=model.base(action),
            judged=as_answered(judged.id, said),
            challenge=challenges.asked(challenge) if challenge else None,
            hold=challenges.held(hold) if hold else None,
        ),
        # The first entry is the judgement's: its receipt goes out with the answer.
        entries=(judged.entry, entry, *entries, *listed.entries),
        # The assessment's row comes first: the action's refers to it.
        changes=(*judged.changes, inserted, *written, *listed.changes),
        events=(event,),
        messages=(message(action),),
    )


def _untimely() -> Outcome:
    problem = OCCURRED_AT_OUT_OF_RANGE
    detail = "Give a time from 24 hours ago to 2 minutes ahead."
    error = FieldError("/occurred_at", problem.code, detail)
    return refused(problem, "assessment.not_taken", problem.code, errors=(error,))


def _facts(command: AssessAction, call: Call) -> Facts:
    return model.action_facts(command.facts, merchant_id=call.merchant_id)


def _known(
    view: View,
    told: ActionFacts,
    facts: Facts,
    ctx: Context,
    settings: MerchantSettings,
    strategy: Strategy,
) -> Known:
    """Return what the rows of merchant and payer say; what is not known makes nothing milder."""
    limits = settings.limits.get(facts.currency)
    forced: Forced | None = None
    if ctx.call.mode == "sandbox":
        forced = FORCED.get(facts.payee_id or facts.payer_id or "")
    links, is_protected = {}, False
    payer_id = told.payer.payer_id
    if payer_id is not None:
        links = payers.links(view, ctx.call, payer_id, _links(told))
        if facts.stage == "payout":
            # For rules. The payer's consent is left out: no exemption is counted for a payout.
            is_protected = payers.profile(view, ctx.call, payer_id).is_protected
    added_at = told.payee.added_at if told.payee else None
    return Known(
        preset=settings.preset,
        forced=forced,
        small_limit_minor=limits.small_minor if limits else None,
        merchant_limit_minor=limits.challenge_minor if limits else None,
        is_protected=is_protected,
        device_is_known=payers.device_is_known(links.get("device"), now=ctx.now),
        payee_is_new=payers.payee_is_new(added_at, links.get("payee"), now=ctx.now),
        lists=lists.hits(view, ctx.call, facts, now=ctx.now, strategy=strategy),
        lists_version=lists.version(view, ctx.call),
        credentials_changed_at=last_change(view, ctx.call, told.payer.payer_key),
    )


def _links(told: ActionFacts) -> list[payers.LinkTo]:
    links = []
    if told.payee is not None:
        links.append(payers.LinkTo("payee", told.payee.payee_id))
    if told.device is not None and told.device.device_id is not None:
        links.append(payers.LinkTo("device", told.device.device_id))
    return links


def _assess_keys(judge: Judge, command: AssessAction, call: Call) -> Sequence[str]:
    # The payer is one of them, so that a change and what follows it never share a batch.
    return judge.keys(_facts(command, call), call)


def _assess_reads(judge: Judge, command: AssessAction, call: Call) -> Sequence[Bound]:
    told, facts = command.facts, _facts(command, call)
    reads = [
        merchants.settings_read(call),
        lists.hits_read(call, facts),
        lists.version_read(call),
        last_change_read(call, told.payer.payer_key),
    ]
    if facts.stage == "payout":
        reads += judge.reads(facts, call)
        if told.payer.payer_id is not None:
            reads.append(payers.payer_read(call, told.payer.payer_id))
    if told.payer.payer_id is not None:
        reads.append(payers.links_read(call, told.payer.payer_id, _links(told)))
    return reads


def _assess_entities(judge: Judge, command: AssessAction, call: Call) -> Sequence[EntityKey]:
    return judge.entities(_facts(command, call), call)
