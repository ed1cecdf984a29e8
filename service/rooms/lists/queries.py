"""Reads of list entries, for answers and the command line: one, and pages of them."""

import datetime as dt
from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from risk.feature import Text
from service.db.metadata import Instant
from service.db.statements import Bound, Statement
from service.db.store import StoreUnavailable
from service.http.ports import Reader
from service.http.problems import Language
from service.rooms.lists.contract import EntryQuery, EntryState, ListEntry
from service.rooms.lists.model import is_by_rule, sentence, shown
from service.rooms.lists.tables import ENTRIES
from service.rooms.strategies.queries import meanings
from service.unit_of_work.commands import Mode

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEVER: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)

Owner = tuple[str, str, Mode]

_OWN: Final = (
    ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
    ENTRIES.c.merchant_id == sa.bindparam("merchant_id"),
    ENTRIES.c.mode == sa.bindparam("mode"),
)
_NOW: Final = sa.bindparam("now", type_=Instant())
_IN_STATE: Final[dict[EntryState, sa.ColumnElement[bool]]] = {
    "active": sa.or_(ENTRIES.c.expires_at.is_(None), ENTRIES.c.expires_at > _NOW),
    "expired": ENTRIES.c.expires_at <= _NOW,
}

ENTRY: Final = Statement(
    sa.select(ENTRIES).where(*_OWN, ENTRIES.c.entry_id == sa.bindparam("entry_id")),
    name="read list entry",
)

FILTERS: Final = ("kind", "entity", "value")


def _list(state: EntryState, filters: tuple[str, ...]) -> Statement:
    last = sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id"))
    return Statement(
        sa.select(ENTRIES)
        .where(
            *_OWN,
            _IN_STATE[state],
            sa.tuple_(ENTRIES.c.created_at, ENTRIES.c.entry_id) < last,
            *(ENTRIES.c[name] == sa.bindparam(name) for name in filters),
        )
        .order_by(ENTRIES.c.created_at.desc(), ENTRIES.c.entry_id.desc())
        .limit(sa.bindparam("limit")),
        name=f"list {state} list entries by {', '.join(filters) or 'time'}",
    )


PAGES: Final[dict[tuple[EntryState, tuple[str, ...]], Statement]] = {
    (state, filters): _list(state, filters)
    for state in _IN_STATE
    for count in range(len(FILTERS) + 1)
    for filters in combinations(FILTERS, count)
}


def entry(reader: Reader, owner: Owner, entry_id: str) -> ListEntry | None:
    """Return one entry of a merchant and mode, expired or not; None if there is none."""
    row = reader.maybe(ENTRY(**_own(owner), entry_id=entry_id))
    return None if row is None else shown(row)


def page(
    query: EntryQuery, *, owner: Owner, last: tuple[int, str] | None, now: dt.datetime
) -> Bound:
    """Return the read of a page and one row more.

    Args:
        query: The filters, and how many.
        owner: Tenant, merchant and mode of the caller.
        last: `key` of the last entry of the page before; None for the first page.
        now: By which entries are over.
    """
    last_at, last_id = (_NEVER, "") if last is None else (_EPOCH + last[0] * _MICROSECOND, last[1])
    given: dict[str, Any] = {
        name: getattr(query, name) for name in FILTERS if getattr(query, name) is not None
    }
    return PAGES[query.state, tuple(given)](
        **_own(owner), **given, now=now, last_at=last_at, last_id=last_id, limit=query.limit + 1
    )


def key(one: ListEntry) -> tuple[int, str]:
    """Return what a cursor says about the last entry of a page."""
    return (one.created_at - _EPOCH) // _MICROSECOND, one.id


def rule_words(reader: Reader, entries: Sequence[ListEntry]) -> dict[str, Text]:
    """Return entry -> the words of the rule that added it, in both languages.

    Left out are entries that no rule added, and those whose strategy or rule cannot be read now:
    what was kept stands for them.
    """
    by_rules = [one for one in entries if is_by_rule(one.added_by)]
    try:
        said = {one: meanings(reader, one) for one in {entry.added_by for entry in by_rules}}
    except StoreUnavailable:
        # What was changed is committed, and must not be answered as if it were not.
        return {}
    found = {one.id: said[one.added_by].get(one.owner) for one in by_rules}
    return {
        entry_id: Text(sentence(meaning.en), sentence(meaning.zh))
        for entry_id, meaning in found.items()
        if meaning is not None
    }


def in_language(
    reader: Reader, entries: Sequence[ListEntry], language: Language
) -> list[ListEntry]:
    """Return entries with their reasons in a language, as far as rules have the words."""
    words = rule_words(reader, entries)
    is_chinese = language.startswith("zh")

    def told(one: ListEntry) -> ListEntry:
        said = words.get(one.id)
        if said is None:
            return one
        return msgspec.structs.replace(one, reason=said.zh if is_chinese else said.en)

    return [told(one) for one in entries]


def _own(owner: Owner) -> dict[str, str]:
    tenant_id, merchant_id, mode = owner
    return {"tenant_id": tenant_id, "merchant_id": merchant_id, "mode": mode}
