"""Which entries of a merchant's lists the payments of a file match: each value is looked up once.

An entry stands all through the history, whenever it was added and whenever it is over: the
question is what these lists would do.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from risk.facts import NO_CURRENCY, Facts
from risk.lists import ListHit
from risk.offline.columns import ABSENT
from risk.offline.history import EPOCH, Listed, combined
from service.cli.backtest.fields import Fields, Ints
from service.cli.list_files import entries_of
from service.cli.screen import Failure
from service.rooms.lists import model
from service.rooms.lists.contract import AddEntryRequest, AddListEntry, ListEntity

_CONTACTS: Final[dict[ListEntity, Kind]] = {"email": Kind.EMAIL, "phone": Kind.PHONE}
_IP: Final = "ip"
# Where an entity is told in a request, and where risk reads it.
_PLACES: Final[dict[ListEntity, tuple[tuple[str, ...], str]]] = {
    "payer": (("payer", "payer_id"), "payer_id"),
    "payee": (("payee", "payee_id"), "payee_id"),
    "payee_account": (("payee", "account"), "payee_account_id"),
    "instrument": (("instrument", "instrument_id"), "instrument_id"),
    "device": (("device", "device_id"), "device_id"),
    "email": (("payer", "email"), "email_key"),
    "phone": (("payer", "phone"), "phone_key"),
    "ip": (("device", "ip"), "ip_keys"),
    "bin": (("instrument", "bin"), "instrument_bin"),
    "ip_country": (("device", "ip_country"), "ip_country"),
    "issuer_country": (("instrument", "issuer_country"), "instrument_issuer_country"),
    "billing_country": (("instrument", "billing_country"), "instrument_billing_country"),
    "shipping_country": (("order", "shipping", "country"), "shipping_country"),
}
_NOBODY: Final = Facts(
    stage="pre_payment",
    occurred_at=EPOCH,
    kind="purchase",
    amount_minor=0,
    currency=NO_CURRENCY,
    payer_key="",
    payee_id=None,
)


class Names(NamedTuple):
    """By which contacts and networks are kept.

    Attributes:
        is_known: They are those of the tenant whose pseudonyms a file of lists holds.
    """

    key: bytes
    tenant_id: str
    is_known: bool


NOBODY: Final = Names(bytes(32), "backtest", is_known=False)


class Entries(NamedTuple):
    """The entries of a file.

    Attributes:
        kept: Line -> entry, as a store would keep it.
        unknown: How many are pseudonyms of somebody whose key is not at hand; they match nothing.
        names: By which clear contacts and networks were kept.
    """

    kept: dict[int, AddListEntry]
    unknown: int
    names: Names


def read_entries(file: Path, names: Names) -> Entries:
    """Return the entries of a file as `payguard lists export` writes it, or as people do.

    Args:
        file: JSON lines, or CSV by its name.
        names: By which clear contacts and networks are kept.

    Raises:
        Failure: A line makes no entry; the sentence never repeats a value.
    """
    found, unknown = {}, 0
    for line, told in entries_of(file):
        entry = _entry(told, names)
        if isinstance(entry, str):
            raise Failure(
                "entry_invalid",
                f"line {line} of {file} is no entry of a list: {entry}",
                then="`payguard lists export` writes such files; docs/lists.md says what fits",
            )
        if not names.is_known and isinstance(told, dict) and told["value"] == entry.value:
            unknown += entry.entity in {_IP, *_CONTACTS}
        found[line] = entry
    return Entries(found, unknown, names)


def listed(fields: Fields, rows: Ints, entries: Entries) -> Listed:
    """Return which entries each payment matches.

    Args:
        fields: Of the file's rows.
        rows: Those that are payments.
        entries: Of the lists.
    """
    matched = [
        _matched(fields, entity, entries)
        for entity in dict.fromkeys(one.entity for one in entries.kept.values())
    ]
    none = np.zeros(len(rows), np.int64)
    codes = [code[rows] for code, _ in matched]
    _, firsts, group = np.unique(combined([*codes, none]), return_index=True, return_inverse=True)
    hits = []
    for first in firsts:
        lines = {
            line
            for (_, found), code in zip(matched, codes, strict=True)
            for line in found[code[first]]
        }
        # An export begins with the newest; a judgement is told the oldest first.
        hits.append(tuple(_hit(line, entries.kept[line]) for line in sorted(lines, reverse=True)))
    return Listed(group.reshape(-1).astype(np.int64), tuple(hits))


def _entry(told: dict[str, Any] | str, names: Names) -> AddListEntry | str:
    if isinstance(told, str):
        return told
    try:
        body = msgspec.convert(told, AddEntryRequest)
    except msgspec.ValidationError as error:
        return str(error)
    command, errors = model.adding(body, key=names.key, tenant_id=names.tenant_id)
    said = " ".join(f"{one.pointer}: {one.detail}" for one in errors)
    return said if command is None else command


def _matched(
    fields: Fields, entity: ListEntity, entries: Entries
) -> tuple[Ints, list[frozenset[int]]]:
    """Return a number for each row, and which lines of an entity rows of a number match."""
    path, attribute = _PLACES[entity]
    field = fields.of(path)
    by_key: dict[str, list[int]] = {}
    for line, one in entries.kept.items():
        if one.entity == entity:
            by_key.setdefault(model.match_of(entity, one.value).key, []).append(line)
    found = [frozenset[int]()]
    numbers = {found[0]: 0}
    by_value = np.zeros(len(field.values) + 1, np.int64)
    for place, value in enumerate(field.values):
        told = _told(entity, str(value), entries.names)
        facts = None if told is None else msgspec.structs.replace(_NOBODY, **{attribute: told})
        lines = frozenset[int]() if facts is None else _lines(facts, entries, by_key)
        if lines not in numbers:
            numbers[lines] = len(found)
            found.append(lines)
        by_value[place] = numbers[lines]
    assert ABSENT == -1, "the last place of by_value is that of rows without a value"
    return by_value[field.code], found


def _told(entity: ListEntity, value: str, names: Names) -> Any:
    """Return a value as facts hold it; None where the door would not take it."""
    try:
        if entity == _IP:
            return ip_pseudonyms(names.key, value, tenant_id=names.tenant_id)
        if entity in _CONTACTS:
            return pseudonym(names.key, _CONTACTS[entity], value, tenant_id=names.tenant_id)
    except ValueError:
        return None
    return value


def _lines(facts: Facts, entries: Entries, by_key: dict[str, list[int]]) -> frozenset[int]:
    """Return the lines whose entries a payment matches."""
    try:
        keys = model.keys_of(facts)
    except ValueError:
        # No BIN: the door takes no such payment.
        return frozenset()
    lines = [line for key in keys.keys if key is not None for line in by_key.get(key, ())]
    return frozenset(line for line in lines if _is_in(entries.kept[line], keys))


def _is_in(entry: AddListEntry, keys: model.PaymentKeys) -> bool:
    """Say whether a range of BINs holds every BIN that the card may have; all else lies in it."""
    match = model.match_of(entry.entity, entry.value)
    if match.bin_low is None or match.bin_high is None:
        return True
    if keys.bin_low is None or keys.bin_high is None:
        return False
    return match.bin_low <= keys.bin_low and match.bin_high >= keys.bin_high


def _hit(line: int, entry: AddListEntry) -> ListHit:
    return ListHit(
        list_id=f"line_{line}",
        kind=entry.kind,
        strength=entry.strength or "overridable",
        entity=entry.entity,
        reason=entry.reason,
    )
