"""What rules put on lists: an entry for each that hit, unless one like it stands there. Pure."""

import datetime as dt
from dataclasses import replace
from typing import Final, NamedTuple, Protocol

import msgspec

from risk.assessment import Assessment
from risk.facts import Facts
from risk.lists import ListHit
from risk.rules.shapes import Listed, Listing, Rule
from risk.strategy import Strategy
from service.rooms.lists.commands import added
from service.rooms.lists.contract import REASON_CHARS_MAX, AddListEntry
from service.rooms.lists.model import sentence
from service.unit_of_work.handlers import Context
from service.unit_of_work.outcome import Change, Entry

_ATTRIBUTES: Final[dict[Listed, str]] = {
    "payer": "payer_id",
    "payee": "payee_id",
    "instrument": "instrument_id",
    "device": "device_id",
    "email": "email_key",
    "phone": "phone_key",
}


class Judged(Protocol):
    """A judgement by its id, as it is made two rooms above."""

    @property
    def id(self) -> str:
        """`asm_...`."""
        ...

    @property
    def assessment(self) -> Assessment:
        """What risk said."""
        ...


class ByRules(NamedTuple):
    """What rules put on lists.

    Attributes:
        changes: The rows.
        entries: Their audit entries.
    """

    changes: tuple[Change, ...] = ()
    entries: tuple[Entry, ...] = ()


def by_rules(
    strategy: Strategy,
    judged: Judged,
    facts: Facts,
    hits: tuple[ListHit, ...],
    ctx: Context,
) -> ByRules:
    """Return what the rules that hit put on lists.

    No key is taken for the places: few payments hit, and all of a payee's would be apart. Two
    that fill one at once meet its constraint; the second runs again and finds it filled.

    Args:
        strategy: That judged.
        judged: What it said.
        facts: What was judged.
        hits: The entries that it matched: what is covered already stays as it is.
        ctx: Time, ids, caller.
    """
    if not strategy.listing_rules:
        return ByRules()
    covered = {(one.kind, one.entity) for one in hits}
    changes: list[Change] = []
    entries: list[Entry] = []
    for result in judged.assessment.rules:
        rule = strategy.listing_rules.get(result.rule)
        if rule is None or result.result != "hit":
            continue
        listing = _listing(rule)
        value = _value(listing, facts)
        if value is None or (listing.kind, listing.entity) in covered:
            continue
        covered.add((listing.kind, listing.entity))
        _, entry, written = added(_command(rule, listing, value, ctx), ctx, by=strategy.id)
        changes += written
        fields = {**entry.fields, "assessment": judged.id}
        entries.append(replace(entry, strategy=strategy.id, fields=fields))
    return ByRules(tuple(changes), tuple(entries))


def _listing(rule: Rule) -> Listing:
    assert not isinstance(rule.list, msgspec.UnsetType)
    return rule.list


def _value(listing: Listing, facts: Facts) -> str | None:
    """Return what would stand on the list; None where it was not told."""
    if listing.entity == "ip":
        # From the widest network to the whole address.
        return facts.ip_keys[-1] if facts.ip_keys else None
    value: str | None = getattr(facts, _ATTRIBUTES[listing.entity])
    return value


def _command(rule: Rule, listing: Listing, value: str, ctx: Context) -> AddListEntry:
    return AddListEntry(
        kind=listing.kind,
        entity=listing.entity,
        value=value,
        # What stands in for the rule's own words where its strategy cannot be read.
        reason=sentence(rule.meaning.en)[:REASON_CHARS_MAX],
        owner=rule.code,
        strength="overridable" if listing.kind == "block" else None,
        prefix=None,
        expires_at=ctx.now + dt.timedelta(hours=listing.hours),
    )
