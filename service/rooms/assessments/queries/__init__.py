"""Front ends' and the worker's reads of assessments and actions. Judges nothing again."""

import datetime as dt
import functools
from collections.abc import Iterable
from itertools import combinations
from typing import Final

import msgspec
import sqlalchemy as sa

from risk import reasons
from risk.assessment import Assessment
from risk.assessment import Reason as JudgedReason
from service.db.metadata import Instant
from service.db.statements import Bound, Row, Statement
from service.http.ports import Ports
from service.http.problems import Language
from service.http.routes import Request
from service.kernel import answers
from service.kernel.answers import Judged
from service.kernel.money import Amount
from service.rooms.assessments.contract import LIST_DAYS_DEFAULT, AssessmentQuery
from service.rooms.assessments.model import Action, as_answered
from service.rooms.assessments.queries.explaining import Explained, explained
from service.rooms.assessments.tables import ACTIONS, ASSESSMENTS
from service.unit_of_work.commands import Mode

# A payment is judged once when it is made, at most a few times while its challenges pass, and
# at its execution.
ASSESSMENTS_SHOWN: Final = 50
EXPLAIN_SCOPE: Final = "assessments:explain"
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NEVER: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)

Owner = tuple[str, str, Mode]

ASSESSMENTS_OF: Final = Statement(
    sa.select(ASSESSMENTS.c.assessment_id, ASSESSMENTS.c.made_at, ASSESSMENTS.c.judged)
    .where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        ASSESSMENTS.c.mode == sa.bindparam("mode"),
        ASSESSMENTS.c.subject_id == sa.bindparam("subject_id"),
    )
    .order_by(ASSESSMENTS.c.made_at, ASSESSMENTS.c.assessment_id)
    .limit(ASSESSMENTS_SHOWN),
    name="assessments of a subject",
)
ACTION: Final = Statement(
    sa.select(ACTIONS).where(
        ACTIONS.c.tenant_id == sa.bindparam("tenant_id"),
        ACTIONS.c.merchant_id == sa.bindparam("merchant_id"),
        ACTIONS.c.mode == sa.bindparam("mode"),
        ACTIONS.c.assessment_id == sa.bindparam("assessment_id"),
    ),
    name="read assessed action",
)
# The worker's: across the tenants of its shard, oldest first.
DUE: Final = Statement(
    sa.select(
        ACTIONS.c.tenant_id,
        ACTIONS.c.merchant_id,
        ACTIONS.c.mode,
        ACTIONS.c.assessment_id,
        ACTIONS.c.version,
    )
    .where(ACTIONS.c.timer_at <= sa.bindparam("now"))
    .order_by(ACTIONS.c.timer_at)
    .limit(sa.bindparam("limit")),
    name="assessed actions whose timer is due",
)

FILTERS: Final = ("status", "event", "payer_id")


def _list(filters: tuple[str, ...]) -> Statement:
    last = sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id"))
    return Statement(
        sa.select(ACTIONS)
        .where(
            ACTIONS.c.tenant_id == sa.bindparam("tenant_id"),
            ACTIONS.c.merchant_id == sa.bindparam("merchant_id"),
            ACTIONS.c.mode == sa.bindparam("mode"),
            ACTIONS.c.created_at >= sa.bindparam("created_from"),
            sa.tuple_(ACTIONS.c.created_at, ACTIONS.c.assessment_id) < last,
            *(ACTIONS.c[name] == sa.bindparam(name) for name in filters),
        )
        .order_by(ACTIONS.c.created_at.desc(), ACTIONS.c.assessment_id.desc())
        .limit(sa.bindparam("limit")),
        name=f"list assessed actions by {', '.join(filters) or 'time'}",
    )


LISTS: Final[dict[tuple[str, ...], Statement]] = {
    filters: _list(filters)
    for count in range(len(FILTERS) + 1)
    for filters in combinations(FILTERS, count)
}


def page(
    query: AssessmentQuery, *, owner: Owner, last: tuple[int, str] | None, now: dt.datetime
) -> Bound:
    """Return the read of one page and one row more, which says whether another page follows.

    Args:
        query: The filters; without `created_from` the page reaches LIST_DAYS_DEFAULT back.
        owner: Tenant, merchant and mode of the caller.
        last: `key` of the last action of the page before; None for the first page.
        now: From where the default reaches back.
    """
    until = query.created_to or _NEVER
    since = query.created_from or _days_before(query.created_to or now)
    last_at, last_id = (until, "") if last is None else (_EPOCH + last[0] * _MICROSECOND, last[1])
    given = {name: getattr(query, name) for name in FILTERS if getattr(query, name) is not None}
    tenant_id, merchant_id, mode = owner
    return LISTS[tuple(given)](
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        mode=mode,
        created_from=since,
        last_at=last_at,
        last_id=last_id,
        limit=query.limit + 1,
        **given,
    )


def key(action: Action) -> tuple[int, str]:
    """Return what a cursor says about the last action of a page."""
    return (action.created_at - _EPOCH) // _MICROSECOND, action.assessment_id


def judgements(rows: Iterable[Row]) -> list[Judged]:
    """Return stored assessments as answers tell them, by ids and codes."""
    return [_judgement(row) for row in rows]


def answered(
    judged: Judged,
    request: Request,
    ports: Ports,
    *,
    currency: str | None,
    is_read: bool,
) -> answers.AssessmentAnswer:
    """Return a judgement in the caller's language; explained only to keys that may know.

    Args:
        judged: The judgement, committed.
        request: Who asks.
        ports: Where what it was made from is read, for its reasons.
        currency: Of what was judged; None where no money moves.
        is_read: It is read again, so that the reasons of an approval are told as well.
    """
    explanation = None
    may_know = EXPLAIN_SCOPE in request.caller.scopes
    if may_know:
        because = explained(judged, request, ports, is_read=is_read)
        explanation = _explanation(judged, because, currency, request.language)
    return answers.AssessmentAnswer(
        id=judged.id,
        stage=judged.stage,
        score=judged.score,
        risk_level=judged.risk_level,
        strategy=judged.strategy,
        arm=judged.arm,
        degraded=judged.degraded,
        reasons=tuple(
            _reason(one, request.language, is_plain=not may_know) for one in judged.reasons
        ),
        explanation=explanation,
    )


@functools.cache
def _texts() -> reasons.Texts:
    """Return the texts of reasons, read from the package once."""
    return reasons.load_texts()


def _judgement(row: Row) -> Judged:
    said = msgspec.json.decode(row["judged"], type=Assessment)
    return as_answered(row["assessment_id"], said)


def _explanation(
    judged: Judged, because: Explained, currency: str | None, language: Language
) -> answers.Explanation:
    likely = judged.probabilities
    loss = None
    if judged.expected_loss_minor is not None and currency is not None:
        loss = msgspec.convert({"value": judged.expected_loss_minor, "currency": currency}, Amount)
    return answers.Explanation(
        basis=judged.basis,
        probabilities=None if likely is None else msgspec.convert(likely, answers.Probabilities),
        percentile_30d=None,
        expected_loss=loss,
        model=judged.model,
        contributions=because.contributions,
        contributions_to=because.to,
        contributions_missing=because.missing,
        rules=tuple(_rule(one, language) for one in judged.rules),
        counterfactuals=tuple(
            answers.Counterfactual(change=answers.Change(level=level), outcome=outcome)
            for level, outcome in judged.counterfactuals
        ),
        exemption=judged.exemption,
    )


def _rule(coded: answers.RuleCoded, language: Language) -> answers.RuleShown:
    in_chinese = coded.shown_zh if language.startswith("zh") else None
    return answers.RuleShown(
        rule=coded.rule,
        version=coded.version,
        result=coded.result,
        effect=coded.effect,
        shown=coded.shown if in_chinese is None else in_chinese,
    )


def _reason(coded: answers.ReasonCoded, language: Language, *, is_plain: bool) -> answers.Reason:
    said = msgspec.convert(msgspec.to_builtins(coded), JudgedReason)
    spoken: reasons.Language = "zh" if language.startswith("zh") else "en"
    return answers.Reason(
        code=coded.code,
        text=reasons.reason_text(said, spoken, _texts(), is_plain=is_plain),
        for_payer=reasons.is_for_payer(coded.code, _texts()),
    )


def _days_before(until: dt.datetime) -> dt.datetime:
    """Return where a list begins by default; a time before all actions stays as it is."""
    return until if until < _EPOCH else until - dt.timedelta(days=LIST_DAYS_DEFAULT)
