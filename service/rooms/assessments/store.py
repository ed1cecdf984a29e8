"""SQL of assessments: what a judgement reads, and the guarded statements that it spends by."""

from collections.abc import Mapping
from typing import Any, Final, cast

import sqlalchemy as sa

from risk.assessment import ExemptionUse
from risk.facts import Facts, Scope
from service.db.metadata import Instant
from service.db.statements import ANY_NUMBER, Bound, Statement
from service.rooms.assessments.model import Action, Counted, Touched, to_row
from service.rooms.assessments.tables import (
    ACTIONS,
    AGAIN,
    ASSESSMENTS,
    DAY_SUMS,
    EXEMPTION_COUNTERS,
)
from service.unit_of_work.commands import Call

# Three days of three limits each.
DAY_ROWS: Final = 9
NO_LIMIT: Final = 2**63 - 1

INSERT_ASSESSMENT: Final = Statement(sa.insert(ASSESSMENTS), rows=1, name="insert assessment")
INSERT_AGAIN: Final = Statement(sa.insert(AGAIN), rows=1, name="insert judgement to make again")
_ONE_AGAIN: Final = (
    AGAIN.c.tenant_id == sa.bindparam("tenant_id"),
    AGAIN.c.merchant_id == sa.bindparam("merchant_id"),
    AGAIN.c.mode == sa.bindparam("mode"),
    AGAIN.c.assessment_id == sa.bindparam("assessment_id"),
)
OPEN_AGAIN: Final = Statement(
    sa.select(AGAIN.c.subject_id, AGAIN.c.judged_at).where(*_ONE_AGAIN, AGAIN.c.done_at.is_(None)),
    name="judgement to make again",
)
# Once: whoever comes second finds no row.
SPEND_AGAIN: Final = Statement(
    sa.update(AGAIN)
    .where(*_ONE_AGAIN, AGAIN.c.done_at.is_(None))
    .values(done_at=sa.bindparam("now", type_=Instant())),
    rows=1,
    name="spend judgement to make again",
)
# By the subject's judgements, of which there are few and which have an index.
OPEN_AGAIN_OF: Final = Statement(
    sa.select(AGAIN.c.assessment_id)
    .join(
        ASSESSMENTS,
        sa.and_(
            ASSESSMENTS.c.tenant_id == AGAIN.c.tenant_id,
            ASSESSMENTS.c.assessment_id == AGAIN.c.assessment_id,
        ),
    )
    .where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.subject_id == sa.bindparam("subject_id"),
        AGAIN.c.merchant_id == sa.bindparam("merchant_id"),
        AGAIN.c.mode == sa.bindparam("mode"),
        AGAIN.c.done_at.is_(None),
    ),
    name="judgements of a subject to make again",
)
# The worker's: across the tenants of its shard, oldest first.
AGAIN_DUE: Final = Statement(
    sa.select(
        AGAIN.c.tenant_id,
        AGAIN.c.merchant_id,
        AGAIN.c.mode,
        AGAIN.c.subject_id,
        AGAIN.c.assessment_id,
        AGAIN.c.judged_at,
    )
    .where(
        AGAIN.c.done_at.is_(None),
        sa.tuple_(AGAIN.c.judged_at, AGAIN.c.assessment_id)
        > sa.tuple_(sa.bindparam("after_at", type_=Instant()), sa.bindparam("after_id")),
    )
    .order_by(AGAIN.c.judged_at, AGAIN.c.assessment_id)
    .limit(sa.bindparam("limit")),
    name="judgements to make again",
)
INSERT_ACTION: Final = Statement(sa.insert(ACTIONS), rows=1, name="insert assessed action")
# A move that somebody else made in between leaves no row to touch.
SAVE_ACTION: Final = Statement(
    sa.update(ACTIONS)
    .where(
        ACTIONS.c.tenant_id == sa.bindparam("of_tenant"),
        ACTIONS.c.merchant_id == sa.bindparam("of_merchant"),
        ACTIONS.c.mode == sa.bindparam("of_mode"),
        ACTIONS.c.assessment_id == sa.bindparam("of_id"),
        ACTIONS.c.status == sa.bindparam("from_status"),
        ACTIONS.c.version == sa.bindparam("from_version"),
    )
    .values(
        {
            name: sa.bindparam(name)
            for name in (
                *("status", "version", "level", "challenge_id", "hold_id"),
                *("timer_at", "timer_action", "credentials_changed_at", "updated_at"),
            )
        }
    ),
    rows=1,
    name="save assessed action",
)
ACTION_BY_ID: Final = Statement(
    sa.select(ACTIONS).where(
        ACTIONS.c.tenant_id == sa.bindparam("tenant_id"),
        ACTIONS.c.merchant_id == sa.bindparam("merchant_id"),
        ACTIONS.c.mode == sa.bindparam("mode"),
        ACTIONS.c.assessment_id == sa.bindparam("assessment_id"),
    ),
    name="assessed action",
)
LAST_CHANGE: Final = Statement(
    sa.select(ACTIONS.c.credentials_changed_at)
    .where(
        ACTIONS.c.tenant_id == sa.bindparam("tenant_id"),
        ACTIONS.c.merchant_id == sa.bindparam("merchant_id"),
        ACTIONS.c.mode == sa.bindparam("mode"),
        ACTIONS.c.payer_key == sa.bindparam("payer_key"),
        ACTIONS.c.credentials_changed_at.is_not(None),
    )
    .order_by(ACTIONS.c.credentials_changed_at.desc())
    .limit(1),
    name="last change of a credential",
)


# What a payment was judged with when it was made.
FIRST_FEATURES: Final = Statement(
    sa.select(ASSESSMENTS.c.assessment_id, ASSESSMENTS.c.features)
    .where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        ASSESSMENTS.c.mode == sa.bindparam("mode"),
        ASSESSMENTS.c.subject_id == sa.bindparam("subject_id"),
        ASSESSMENTS.c.stage.in_(("pre_payment", "payout")),
    )
    .order_by(ASSESSMENTS.c.made_at, ASSESSMENTS.c.assessment_id)
    .limit(1),
    name="features a payment was made with",
)


def _counter(scope: str) -> sa.Select[Any]:
    return sa.select(
        EXEMPTION_COUNTERS.c.scope, EXEMPTION_COUNTERS.c.count, EXEMPTION_COUNTERS.c.amount_minor
    ).where(
        EXEMPTION_COUNTERS.c.tenant_id == sa.bindparam("tenant_id"),
        EXEMPTION_COUNTERS.c.merchant_id == sa.bindparam("merchant_id"),
        EXEMPTION_COUNTERS.c.mode == sa.bindparam("mode"),
        EXEMPTION_COUNTERS.c.scope == scope,
        EXEMPTION_COUNTERS.c.key == sa.bindparam(scope),
        EXEMPTION_COUNTERS.c.currency == sa.bindparam("currency"),
    )


# One statement for all scopes, each a look at one place of the index; NULL finds nothing.
COUNTERS_OF: Final = Statement(
    sa.union_all(*map(_counter, ("payer", "instrument", "device"))), name="exemption counters"
)
# Reads are declared before the writer's clock and the merchant's preset say which day it is, so
# the newest days are read: today and its neighbours, whatever the preset's time zone.
DAY_SUMS_OF: Final = Statement(
    sa.select(DAY_SUMS.c.day, DAY_SUMS.c.limit_code, DAY_SUMS.c.amount_minor)
    .where(
        DAY_SUMS.c.tenant_id == sa.bindparam("tenant_id"),
        DAY_SUMS.c.merchant_id == sa.bindparam("merchant_id"),
        DAY_SUMS.c.mode == sa.bindparam("mode"),
        DAY_SUMS.c.payer_key == sa.bindparam("payer_key"),
        DAY_SUMS.c.currency == sa.bindparam("currency"),
    )
    .order_by(DAY_SUMS.c.day.desc())
    .limit(DAY_ROWS),
    name="day sums",
)


def _typed(table: sa.Table, *limited: str) -> list[sa.BindParameter[Any]]:
    """Return a text's values with their columns' types: PostgreSQL guesses others in a SELECT."""
    values = [sa.bindparam(one.name, type_=one.type) for one in table.c if one.name != "count"]
    return [*values, *(sa.bindparam(f"{one}_max", type_=table.c[one].type) for one in limited)]


# One statement spends one scope's share of an exemption: it counts only where the result stays
# within both limits, whoever else counts at the same moment.
COUNT_EXEMPTION: Final = Statement(
    sa.text(
        "INSERT INTO exemption_counters"
        " (tenant_id, merchant_id, mode, scope, key, currency, count, amount_minor)"
        " SELECT :tenant_id, :merchant_id, :mode, :scope, :key, :currency, 1, :amount_minor"
        " WHERE :count_max >= 1 AND :amount_minor <= :amount_minor_max"
        " ON CONFLICT (tenant_id, merchant_id, mode, scope, key, currency) DO UPDATE SET"
        " count = exemption_counters.count + 1,"
        " amount_minor = exemption_counters.amount_minor + excluded.amount_minor"
        " WHERE exemption_counters.count + 1 <= :count_max"
        " AND exemption_counters.amount_minor + excluded.amount_minor <= :amount_minor_max"
    ).bindparams(*_typed(EXEMPTION_COUNTERS, "count", "amount_minor")),
    rows=1,
    name="count exemption",
)
# A proof of level 2 sets the counters to zero; what was counted before it is not given back.
GIVE_BACK_EXEMPTION: Final = Statement(
    sa.update(EXEMPTION_COUNTERS)
    .where(
        EXEMPTION_COUNTERS.c.tenant_id == sa.bindparam("of_tenant"),
        EXEMPTION_COUNTERS.c.merchant_id == sa.bindparam("of_merchant"),
        EXEMPTION_COUNTERS.c.mode == sa.bindparam("of_mode"),
        EXEMPTION_COUNTERS.c.scope == sa.bindparam("of_scope"),
        EXEMPTION_COUNTERS.c.key == sa.bindparam("of_key"),
        EXEMPTION_COUNTERS.c.currency == sa.bindparam("of_currency"),
        EXEMPTION_COUNTERS.c.count >= 1,
        EXEMPTION_COUNTERS.c.amount_minor >= sa.bindparam("amount"),
    )
    .values(
        count=EXEMPTION_COUNTERS.c.count - 1,
        amount_minor=EXEMPTION_COUNTERS.c.amount_minor - sa.bindparam("amount"),
    ),
    rows=ANY_NUMBER,
    name="give back exemption",
)
ADD_TO_DAY: Final = Statement(
    sa.text(
        "INSERT INTO day_sums"
        " (tenant_id, merchant_id, mode, payer_key, day, currency, limit_code, amount_minor)"
        " SELECT :tenant_id, :merchant_id, :mode, :payer_key, :day, :currency, :limit_code,"
        " :amount_minor WHERE :amount_minor <= :amount_minor_max"
        " ON CONFLICT (tenant_id, merchant_id, mode, payer_key, day, currency, limit_code)"
        " DO UPDATE SET amount_minor = day_sums.amount_minor + excluded.amount_minor"
        " WHERE day_sums.amount_minor + excluded.amount_minor <= :amount_minor_max"
    ).bindparams(*_typed(DAY_SUMS, "amount_minor")),
    rows=1,
    name="add to day sum",
)
TAKE_FROM_DAY: Final = Statement(
    sa.update(DAY_SUMS)
    .where(
        DAY_SUMS.c.tenant_id == sa.bindparam("of_tenant"),
        DAY_SUMS.c.merchant_id == sa.bindparam("of_merchant"),
        DAY_SUMS.c.mode == sa.bindparam("of_mode"),
        DAY_SUMS.c.payer_key == sa.bindparam("of_payer"),
        DAY_SUMS.c.day == sa.bindparam("of_day"),
        DAY_SUMS.c.currency == sa.bindparam("of_currency"),
        DAY_SUMS.c.limit_code == sa.bindparam("of_limit"),
        DAY_SUMS.c.amount_minor >= sa.bindparam("amount"),
    )
    .values(amount_minor=DAY_SUMS.c.amount_minor - sa.bindparam("amount")),
    rows=ANY_NUMBER,
    name="take from day sum",
)


def counters_of(facts: Facts | Touched, call: Call) -> Bound:
    """Return the read of the counters that a payment can be counted by."""
    return COUNTERS_OF(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        payer=facts.payer_key,
        instrument=facts.instrument_id,
        device=facts.device_id,
        currency=facts.currency,
    )


def day_sums_of(facts: Facts | Touched, call: Call) -> Bound:
    """Return the read of a payer's newest day sums."""
    return DAY_SUMS_OF(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        payer_key=facts.payer_key,
        currency=facts.currency,
    )


def spend(
    counted: Counted, use: ExemptionUse, day_limits: Mapping[str, int], call: Call
) -> list[Bound]:
    """Return the guarded statements by which an approval counts what it uses up.

    Args:
        counted: What is counted, and for whom.
        use: The limits of each scope.
        day_limits: Limit code -> the most that the day's sum may come to.
        call: Whose counters they are.
    """
    owner = {
        "tenant_id": call.tenant_id,
        "merchant_id": call.merchant_id,
        "mode": call.mode,
        "currency": counted.currency,
        "amount_minor": counted.amount_minor,
    }
    counters = [
        COUNT_EXEMPTION(
            scope=scope,
            key=key,
            count_max=use.count_max,
            amount_minor_max=use.amount_minor_max,
            **owner,
        )
        for scope, key in counted.scopes.items()
    ]
    sums = [
        ADD_TO_DAY(
            payer_key=counted.payer_key,
            day=counted.day,
            limit_code=code,
            amount_minor_max=day_limits[code],
            **owner,
        )
        for code in counted.limit_codes
    ]
    return [*counters, *sums]


def give_back(counted: Counted, call: Call) -> list[Bound]:
    """Return the statements that give back what an approval had counted.

    They guard nothing: that it happens once is guarded by the payment's own row.
    """
    owner = {
        "of_tenant": call.tenant_id,
        "of_merchant": call.merchant_id,
        "of_mode": call.mode,
        "of_currency": counted.currency,
        "amount": counted.amount_minor,
    }
    counters = [
        GIVE_BACK_EXEMPTION(of_scope=scope, of_key=key, **owner)
        for scope, key in counted.scopes.items()
    ]
    sums = [
        TAKE_FROM_DAY(of_payer=counted.payer_key, of_day=counted.day, of_limit=code, **owner)
        for code in counted.limit_codes
    ]
    return [*counters, *sums]


def count_again(counted: Counted, call: Call) -> list[Bound]:
    """Return the statements that count once more what was given back, whatever the limits."""
    use = ExemptionUse(
        code=counted.code,
        scopes=cast("tuple[Scope, ...]", tuple(counted.scopes)),
        amount_minor=counted.amount_minor,
        currency=counted.currency,
        count_max=NO_LIMIT,
        amount_minor_max=NO_LIMIT,
    )
    return spend(counted, use, dict.fromkeys(counted.limit_codes, NO_LIMIT), call)


def insert_action(action: Action) -> Bound:
    """Return the change that stores a new action; its assessment's row comes before it."""
    return INSERT_ACTION(**to_row(action))


def save_action(after: Action, *, before: Action) -> Bound:
    """Return the change that moves an action on from where it was read."""
    row = to_row(after)
    told = ("status", "version", "level", "challenge_id", "hold_id", "timer_at", "timer_action")
    return SAVE_ACTION(
        of_tenant=before.tenant_id,
        of_merchant=before.merchant_id,
        of_mode=before.mode,
        of_id=before.assessment_id,
        from_status=before.status,
        from_version=before.version,
        **{name: row[name] for name in (*told, "credentials_changed_at", "updated_at")},
    )
