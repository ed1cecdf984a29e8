"""Which entries of lists a payment matches."""

import datetime as dt
from operator import itemgetter

from risk.facts import Facts
from risk.lists import ListHit
from risk.strategy import Strategy
from service.db.statements import Bound, Row
from service.rooms.lists import store
from service.rooms.lists.model import is_by_rule, keys_of, sentence
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import View


def hits_read(call: Call, facts: Facts) -> Bound:
    """Return the read to declare for `hits`; one statement, whatever the payment tells."""
    found = keys_of(facts)
    return store.MATCHES(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        bin_low=found.bin_low,
        bin_high=found.bin_high,
        **dict(zip(store.KEY_NAMES, found.keys, strict=True)),
    )


def hits(
    view: View, call: Call, facts: Facts, *, now: dt.datetime, strategy: Strategy
) -> tuple[ListHit, ...]:
    """Return the entries that a payment matches and that are not over, the oldest first.

    Args:
        view: Holds the rows of `hits_read`.
        call: Whose lists they are.
        facts: The payment.
        now: The writer's clock.
        strategy: That decides; it has the words of what its rules put on lists.
    """
    rows = view.rows(hits_read(call, facts))
    rows = [row for row in rows if row["expires_at"] is None or row["expires_at"] > now]
    return tuple(
        ListHit(
            list_id=row["entry_id"],
            kind=row["kind"],
            strength=row["strength"] or "overridable",
            entity=row["entity"],
            **_words(row, strategy),
        )
        for row in sorted(rows, key=itemgetter("created_at", "entry_id"))
    )


def version_read(call: Call) -> Bound:
    """Return the read to declare for `version`; the same for all payments of a merchant."""
    return store.VERSION(tenant_id=call.tenant_id, merchant_id=call.merchant_id, mode=call.mode)


def version(view: View, call: Call) -> str | None:
    """Return the last change of a merchant's lists, as the log names it; None if none is known."""
    row = view.maybe(version_read(call))
    return None if row is None else row["version"]


def _words(row: Row, strategy: Strategy) -> dict[str, str]:
    """Return why an entry is there: a rule's meaning in both languages, or what was kept."""
    rule = strategy.listing_rules.get(row["owner"]) if is_by_rule(row["added_by"]) else None
    if rule is None:
        return {"reason": row["reason"]}
    return {"reason": sentence(rule.meaning.en), "reason_zh": sentence(rule.meaning.zh)}
