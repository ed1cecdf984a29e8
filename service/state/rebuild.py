"""Start-up: the events that are not yet in entity rows are folded in again, in their order."""

import itertools
from collections.abc import Callable, Iterable
from typing import Final

import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.state.cache import WAITING_MAX, EntityCache, Overlay, entity_row
from service.state.entities import ENTITIES, EntityKey, unpack

EventsAfter = Callable[[int], list[Row]]
Fetch = Callable[[Bound], list[Row]]

# As many rows as are deleted within the time that a statement may take.
PORTION: Final = 2_000

_KEY: Final = tuple(ENTITIES.primary_key)
ANY_STATE: Final = Statement(
    sa.select(ENTITIES.c.feature_set).order_by(*_KEY).limit(1), name="any entity"
)
FORGET_STATES: Final = Statement(
    sa.delete(ENTITIES).where(
        sa.tuple_(*_KEY).in_(
            sa.select(*_KEY).order_by(*_KEY).limit(sa.bindparam("limit")).scalar_subquery()
        )
    ),
    name="forget entities",
)


def rebuild(
    fetch: Fetch,
    cache: EntityCache,
    *,
    folded: int,
    events_after: EventsAfter,
    write_back: Callable[[], bool],
) -> int:
    """Fold every event after a sequence into the cache; a row that already holds one skips it.

    Args:
        fetch: Reads entity rows.
        cache: Filled by this, within its limit.
        folded: The sequence up to which all rows are known to be complete.
        events_after: Returns the next events after a sequence, whole sequences only, in their
            order; an empty list at the end.
        write_back: Writes some of the states that wait; called when many do.

    Returns:
        How many events were looked at.
    """
    looked_at = 0
    cache.caught_up(folded)
    while rows := events_after(cache.sequence):
        for sequence, events in itertools.groupby(rows, key=lambda row: row["sequence"]):
            _fold(fetch, cache, sequence, events)
        looked_at += len(rows)
        while cache.waiting > WAITING_MAX and write_back():
            pass
        cache.trim()
    return looked_at


def _fold(fetch: Fetch, cache: EntityCache, sequence: int, events: Iterable[Row]) -> None:
    """Fold the events of one command together: they share a sequence, by which rows tell."""
    overlay = Overlay(cache)
    for event in events:
        for observation in unpack(event["observations"]):
            key = EntityKey(event["tenant_id"], event["mode"], observation.kind, observation.key)
            if cache.missing([key]):
                cache.load(key, fetch(entity_row(key)))
            if cache.sequence_of(key) < sequence:
                overlay.add(key, observation)
    cache.commit(overlay.states, first=sequence, last=sequence)
