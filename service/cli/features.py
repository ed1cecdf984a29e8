"""`payguard features`: what an entity's features are now, from the store. Writes nothing.

The entity is shown as it was typed: what stands for it in the store, and whom else it was seen
with, stays out.
"""

import datetime as dt
from typing import Any, Final, NamedTuple, get_args

import click
import msgspec

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from risk.entity_state import EntityState
from risk.feature import Entity, Feature, load_features
from risk.history import keyed
from risk.reading import Asked
from risk.vectors import Missing, Value, entity_values
from risk.windows import second_of
from service.cli.environment import current_settings
from service.cli.merchant import find_merchant
from service.cli.pseudonyms import pseudonym_key
from service.cli.screen import Failure, Screen, reporting, table
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.kernel.money import Money
from service.settings import Settings
from service.state.cache import STATE_SCHEMA, entity_row, observe
from service.state.codec import WindowStates
from service.state.entities import EntityKey, unpack
from service.unit_of_work.commands import Mode
from service.unit_of_work.events import observations_after
from service.unit_of_work.fence import WRITER_ROW

KINDS: Final[tuple[Entity, ...]] = get_args(Entity)
SHARD: Final = 0
# What compares the amount that is asked about with others.
_OF_AMOUNT: Final = frozenset({"to_normal", "to_usual", "z", "log_z", "to_window_mean", "window_z"})
_OF_MONEY: Final = _OF_AMOUNT | {"sum", "max", "mean", "deviation", "window_mean"}
_PSEUDONYMS: Final[dict[str, Kind]] = {"email": Kind.EMAIL, "phone": Kind.PHONE}


class Named(NamedTuple):
    """An entity as it was typed."""

    kind: Entity
    value: str


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """One feature's value, and what it means.

    Attributes:
        currency: What amounts are of; None for what counts no money.
        value: None where it is not known.
        missing: Why not; None where it is known.
    """

    name: str
    meaning_en: str
    meaning_zh: str
    unit: str
    window_s: int
    currency: str | None
    value: float | None
    missing: str | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """An entity's features.

    Attributes:
        entity: As it was typed.
        as_of: Event time at which the windows end.
        sequence: The last command whose events are counted.
        row_sequence: Up to which the stored row counts; 0 where there is no row yet. What came
            after it was counted from the log.
        feature_set: The set whose features these are.
    """

    entity: str
    mode: str
    as_of: dt.datetime
    sequence: int
    row_sequence: int
    feature_set: str
    features: tuple[Shown, ...]


class Stored(NamedTuple):
    """A state as the store has it: the row, and what the log holds after it."""

    state: EntityState
    sequence: int
    row_sequence: int


class _Options(NamedTuple):
    mode: Mode
    others: tuple[str, ...]
    at: str | None
    amount_minor: int | None


@click.group()
def features() -> None:
    """Look at the features of entities."""


@features.command()
@click.argument("entity", metavar="KIND:ID")
@click.option("--merchant", "merchant_id", required=True, metavar="MERCHANT_ID")
@click.option("--mode", type=click.Choice(get_args(Mode)), default="sandbox", show_default=True)
@click.option("--with", "others", multiple=True, metavar="KIND:ID", help="The other of a pair.")
@click.option("--at", help="RFC 3339; the windows end then and not now.")
@click.option("--amount-minor", type=click.IntRange(min=0), help="Compared with what is normal.")
@reporting
def show(screen: Screen, entity: str, merchant_id: str, **given: Any) -> None:
    """Print the features of KIND:ID, such as payer:c_17, as they are now.

    KIND is payer, device, payee, instrument, address, bin, merchant, email, phone, ip or ip_24;
    the last four are given in clear and looked up by their pseudonyms.
    """
    options = _Options(**given)
    named, others = _named(entity), [_named(one) for one in options.others]
    as_of = SystemClock().now() if options.at is None else _instant(options.at)
    settings = current_settings()
    tenant_id = find_merchant(settings, merchant_id)["tenant_id"]
    keys = {one.kind: _key(settings, tenant_id, one) for one in others}
    key = EntityKey(tenant_id, options.mode, named.kind, _key(settings, tenant_id, named))
    try:
        stored = read_state(open_spanning_reader(settings.database), key)
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error
    asked = Asked(
        second=second_of(as_of),
        currency="",
        amount_minor=options.amount_minor or 0,
        others={kind: keyed(value) for kind, value in keys.items()},
    )
    found = Found(
        entity=entity,
        mode=options.mode,
        as_of=as_of,
        sequence=stored.sequence,
        row_sequence=stored.row_sequence,
        feature_set=load_features().id,
        features=values(
            named.kind, stored.state, asked, has_amount=options.amount_minor is not None
        ),
    )
    screen.show(found, _text_of(found))


def read_state(reader: Reader, key: EntityKey) -> Stored:
    """Return an entity's state: its row, and the observations of it that are in the log alone.

    Raises:
        Failure: The row is of another feature set.
        StoreUnavailable: The store could not be read.
    """
    codec = WindowStates()
    # The writer's row first: rows that are written meanwhile say themselves how far they count.
    writer = reader.maybe(WRITER_ROW(shard=SHARD))
    row = reader.maybe(entity_row(key))
    state, row_sequence = codec.new(key.kind), 0
    if row is not None:
        if (row["feature_set"], row["schema"]) != (codec.feature_set, STATE_SCHEMA):
            raise Failure(
                "state_of_another_version",
                "the stored state is of another version's features",
                then="start the writer of this version: it makes the state anew from the log",
            )
        state, row_sequence = codec.unpack(key.kind, row["state"]), row["sequence"]
    assert isinstance(state, EntityState)
    sequence = 0 if writer is None else writer["sequence"]
    after = 0 if writer is None else writer["folded"]
    while events := observations_after(reader.fetch, after):
        after = events[-1]["sequence"]
        for event in events:
            if (event["tenant_id"], event["mode"]) != (key.tenant_id, key.mode):
                continue
            for one in unpack(event["observations"]):
                if (one.kind, one.key) == (key.kind, key.key) and event["sequence"] > row_sequence:
                    observe(state, one)
    return Stored(state, max(sequence, after, row_sequence), row_sequence)


def values(
    kind: Entity, state: EntityState, asked: Asked, *, has_amount: bool
) -> tuple[Shown, ...]:
    """Return the features of an entity, those of money once for each currency that it paid in.

    Args:
        kind: Of the entity.
        state: Its state.
        asked: When, and with whom; of any currency.
        has_amount: Whether the amount asked for is one, or stands for none.
    """
    known = load_features()
    shown: list[Shown] = []
    for place, currency in enumerate(sorted(state.currencies) or [""]):
        found = entity_values(kind, state, msgspec.structs.replace(asked, currency=currency), known)
        for name, value in found.items():
            one = known.feature(name)
            is_money = one.aggregate in _OF_MONEY
            if place and not is_money:
                continue
            lacks = one.aggregate in _OF_AMOUNT and not has_amount
            why = _missing(one, asked, value, lacks_amount=lacks)
            shown.append(
                Shown(
                    name=name,
                    meaning_en=one.meaning.en,
                    meaning_zh=one.meaning.zh,
                    unit=one.unit,
                    window_s=one.window_s,
                    currency=(currency or None) if is_money else None,
                    value=None if why or isinstance(value, Missing) else value,
                    missing=why,
                )
            )
    return tuple(shown)


def _missing(one: Feature, asked: Asked, value: Value, *, lacks_amount: bool) -> str | None:
    """Return why there is no value, or None."""
    if lacks_amount:
        return "no_amount"
    if one.of is not None and one.aggregate != "distinct" and one.of not in asked.others:
        return f"no_{one.of}"
    return value.missing if isinstance(value, Missing) else None


def _named(text: str) -> Named:
    kind, colon, value = text.partition(":")
    for known in KINDS:
        if known == kind and colon and value:
            return Named(known, value)
    raise Failure(
        "entity_invalid",
        f"{text} names no entity",
        then=f"give KIND:ID with one of {', '.join(KINDS)}",
    )


def _key(settings: Settings, tenant_id: str, named: Named) -> str:
    """Return under what the entity is kept: a pseudonym for contacts and addresses."""
    kind, value = named
    if kind not in {"ip", "ip_24", *_PSEUDONYMS}:
        return value
    key = pseudonym_key(settings)
    try:
        if kind in _PSEUDONYMS:
            return pseudonym(key, _PSEUDONYMS[kind], value, tenant_id=tenant_id)
        networks = ip_pseudonyms(key, value, tenant_id=tenant_id)
    except ValueError as error:
        raise Failure(
            "entity_invalid", f"that is no {kind}: {error}", then="give it in clear, and whole"
        ) from error
    return networks[-1] if kind == "ip" else networks[-2]


def _instant(text: str) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Failure(
            "time_invalid", f"{text} is no time", then="give it like 2026-11-24T12:00:00Z"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _text_of(found: Found) -> str:
    head = table(
        [
            ("entity", f"{found.entity} ({found.mode})"),
            ("as of", f"{found.as_of:%Y-%m-%d %H:%M:%S} UTC, sequence {found.sequence}"),
            ("row", f"sequence {found.row_sequence}" if found.row_sequence else "not written yet"),
            ("set", found.feature_set),
        ]
    )
    return f"{head}\n\n{table([_line(one) for one in found.features])}"


def _line(one: Shown) -> tuple[str, str, str]:
    return one.name, _value(one), f"{one.meaning_en} {one.meaning_zh}"


def _value(one: Shown) -> str:
    if one.value is None:
        return f"unknown: {one.missing}"
    if one.unit == "minor" and one.currency is not None:
        return Money(int(one.value), one.currency).text()
    return f"{one.value:,} {one.unit}"
