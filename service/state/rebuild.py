"""Start-up: the events that are not yet in entity rows are folded in again, in their order."""

from collections.abc import Callable

from service.db.statements import Row
from service.db.store import Store
from service.state.cache import ENTITY_BY_KEY, EntityCache, Overlay
from service.state.entities import EntityKey, unpack

EventsAfter = Callable[[int], list[Row]]


def rebuild(store: Store, cache: EntityCache, *, folded: int, events_after: EventsAfter) -> int:
    """Fold every event after a sequence into the cache; a row that already holds one skips it.

    Args:
        store: Where entity rows are read from; nothing is written.
        cache: Filled by this.
        folded: The sequence up to which all rows are known to be complete.
        events_after: Returns the next events after a sequence, whole sequences only, in their
            order; an empty list at the end.

    Returns:
        How many events were looked at.
    """
    looked_at = 0
    after = folded
    while rows := events_after(after):
        for row in rows:
            _fold(store, cache, row)
        looked_at += len(rows)
        after = rows[-1]["sequence"]
    return looked_at


def _fold(store: Store, cache: EntityCache, row: Row) -> None:
    sequence = row["sequence"]
    overlay = Overlay(cache)
    for observation in unpack(row["observations"]):
        key = EntityKey(row["tenant_id"], row["mode"], observation.kind, observation.key)
        if cache.missing([key]):
            [found] = store.fetch([ENTITY_BY_KEY(**key._asdict())])
            cache.load(key, found)
        if cache.sequence_of(key) < sequence or key in overlay.states:
            overlay.add(key, observation)
    cache.commit(overlay.states, first=sequence, last=sequence)
