"""What an entry of a list stands for: how a value is kept, and by which key it is found. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from keys.pseudonyms import Kind, network_pseudonym, pseudonym
from risk.facts import Facts
from service.kernel.errors import FieldError
from service.rooms.lists.contract import AddEntryRequest, AddListEntry, ListEntity, ListEntry

# BINs are compared as numbers of eight digits; a shorter one is the range of those it begins.
BIN_DIGITS: Final = 8
# A range lies among the BINs that share four digits, so that these find it by an equality.
BIN_SHARED: Final = 4
# The most keys that one payment has; `keys_of` gives exactly as many.
KEYS: Final = 16

_CONTACTS: Final = {"email": Kind.EMAIL, "phone": Kind.PHONE}
_PREFIXES: Final = {"email": "em", "phone": "ph", "ip": "ip"}
_NETWORKS: Final = frozenset({8, 16, 24, 32, 48, 64, 128})
_BINS: Final = re.compile(r"([0-9]{6,8})(?:-([0-9]{6,8}))?")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
_STRATEGY: Final = "str_"
_ID: Final = re.compile(r"[ -~]{1,64}")


class Kept(NamedTuple):
    """A value as it is kept, with the length of its network if it is one."""

    value: str
    prefix: int | None = None


class Match(NamedTuple):
    """By what an entry is found.

    Attributes:
        key: What a payment's keys are compared with.
        bin_low, bin_high: A range of 8-digit BINs; None for everything else.
    """

    key: str
    bin_low: int | None = None
    bin_high: int | None = None


class PaymentKeys(NamedTuple):
    """What a payment is looked up by.

    Attributes:
        keys: `KEYS` of them; None where the payment does not tell.
        bin_low, bin_high: The 8-digit BINs that the payment's card may have.
    """

    keys: tuple[str | None, ...]
    bin_low: int | None
    bin_high: int | None


def kept(entity: ListEntity, value: str, *, prefix: int | None, key: bytes, tenant_id: str) -> Kept:
    """Return a value as it is kept; a clear contact or address ends here.

    Args:
        entity: What the value is of.
        value: As it was given; a pseudonym of ours stays one.
        prefix: Length of the network that a pseudonym stands for.
        key: The key of pseudonyms.
        tenant_id: Whose pseudonyms these are.

    Raises:
        ValueError: The value is none of its entity; the sentence never repeats it.
    """
    word = _PREFIXES.get(entity)
    is_pseudonym = word is not None and is_a_pseudonym(word, value)
    if prefix is not None and not (entity == "ip" and is_pseudonym and prefix in _NETWORKS):
        raise ValueError("a prefix belongs to the pseudonym of a network")
    if is_pseudonym:
        return Kept(value, prefix)
    if entity == "ip":
        return Kept(*network_pseudonym(key, value, tenant_id=tenant_id))
    if entity in _CONTACTS:
        return Kept(pseudonym(key, _CONTACTS[entity], value, tenant_id=tenant_id))
    if entity == "bin":
        low, high = _bins(value)
        return Kept(f"{low:08d}-{high:08d}")
    form = _COUNTRY if entity.endswith("_country") else _ID
    if form.fullmatch(value) is None:
        raise ValueError("this is no value of its entity")
    return Kept(value)


def adding(
    body: AddEntryRequest, *, key: bytes, tenant_id: str
) -> tuple[AddListEntry | None, tuple[FieldError, ...]]:
    """Return the command that adds an entry, or None and everything that is wrong with it.

    Args:
        body: The entry as it was told.
        key: The key of pseudonyms.
        tenant_id: Whose pseudonyms these are.
    """
    errors = []
    if body.strength is not None and body.kind != "block":
        errors.append(FieldError("/strength", "inconsistent", "Only a block has a strength."))
    try:
        value = kept(body.entity, body.value, prefix=body.prefix, key=key, tenant_id=tenant_id)
    except ValueError:
        errors.append(FieldError("/value", "bad_format", "Give a value that fits the entity."))
        return None, tuple(errors)
    if errors:
        return None, tuple(errors)
    command = AddListEntry(
        kind=body.kind,
        entity=body.entity,
        value=value.value,
        prefix=value.prefix,
        reason=body.reason,
        owner=body.owner,
        strength=(body.strength or "overridable") if body.kind == "block" else None,
        expires_at=body.expires_at,
    )
    return command, ()


def is_a_pseudonym(word: str, value: str) -> bool:
    """Say whether a value is a pseudonym of this kind."""
    return re.fullmatch(rf"{word}_[0-9a-f]{{32}}", value) is not None


def match_of(entity: ListEntity, value: str) -> Match:
    """Return by what an entry is found.

    Raises:
        ValueError: The value is not as `kept` gives it.
    """
    word = _PREFIXES.get(entity)
    if word is not None and not is_a_pseudonym(word, value):
        raise ValueError("a contact or address is kept as its pseudonym")
    if entity != "bin":
        return Match(f"{entity}:{value}")
    low, high = _bins(value)
    return Match(_bin_key(low), low, high)


def keys_of(facts: Facts) -> PaymentKeys:
    """Return what a payment is looked up by, each key by one place of the index."""
    told = (
        ("payer", facts.payer_id),
        ("payee", facts.payee_id),
        ("payee_account", facts.payee_account_id),
        ("instrument", facts.instrument_id),
        ("device", facts.device_id),
        ("email", facts.email_key),
        ("phone", facts.phone_key),
        *(("ip", one) for one in (*facts.ip_keys, *(None,) * (4 - len(facts.ip_keys)))),
        ("ip_country", facts.ip_country),
        ("issuer_country", facts.instrument_issuer_country),
        ("billing_country", facts.instrument_billing_country),
        ("shipping_country", facts.shipping_country),
    )
    keys = [None if value is None else f"{entity}:{value}" for entity, value in told]
    if facts.instrument_bin is None:
        return PaymentKeys((*keys, None), None, None)
    low, high = _bins(facts.instrument_bin)
    return PaymentKeys((*keys, _bin_key(low)), low, high)


def is_by_rule(added_by: str) -> bool:
    """Say whether a rule of a strategy added an entry; its owner is then the rule's code."""
    return added_by.startswith(_STRATEGY)


def sentence(meaning: str) -> str:
    """Return a rule's meaning on one line."""
    return " ".join(meaning.split())


def shown(row: Mapping[str, Any]) -> ListEntry:
    """Return a row as it is shown."""
    return ListEntry(
        id=row["entry_id"],
        kind=row["kind"],
        strength=row["strength"],
        entity=row["entity"],
        value=row["value"],
        prefix=row["prefix"],
        reason=row["reason"],
        owner=row["owner"],
        added_by=row["added_by"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
    )


def _bins(value: str) -> tuple[int, int]:
    """Return the first and last 8-digit BIN of a BIN or a range of two."""
    found = _BINS.fullmatch(value)
    if found is None:
        raise ValueError("a BIN has six to eight digits; a range is two with a - between them")
    low = int(found[1].ljust(BIN_DIGITS, "0"))
    high = int((found[2] or found[1]).ljust(BIN_DIGITS, "9"))
    if low > high or _bin_key(low) != _bin_key(high):
        raise ValueError("a range of BINs rises and shares its first four digits")
    return low, high


def _bin_key(low: int) -> str:
    return f"bin:{low:08d}"[: len("bin:") + BIN_SHARED]
