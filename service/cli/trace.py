"""`payguard trace` and `payguard show`: one payment, from the read-only database. Shows no facts.

What a merchant told about people stays out: ids, amounts, states and reasons are enough here.
"""

import contextlib
import datetime as dt
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import click
import msgspec

from service.cli.environment import current_settings
from service.cli.records import Records, events_of, find_payment, records_of
from service.cli.screen import Failure, Screen, reporting, table
from service.db.reader import Reader
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.money import Money
from service.rooms.payments import model, queries
from service.rooms.payments.model import Payment
from service.unit_of_work.events import body_of

HASH_SHOWN: Final = 12
_HASH: Final = re.compile(r"[0-9a-f]{64}")
# Parts of an event's body that are facts about people, or are shown already.
_LEFT_OUT: Final = frozenset({"facts", "at", "tenant_id", "payment_id", "merchant_id", "mode"})


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was committed.

    Attributes:
        at: When, by the writer's clock.
        after_ms: Milliseconds since the payment was created.
        sequence: Number of the command.
        batch: Number of the commit.
        what: `event`, `entry` or `message`.
        kind: Which one.
        detail: Its own fields.
    """

    at: dt.datetime
    after_ms: int
    sequence: int
    batch: int
    what: str
    kind: str
    detail: dict[str, Any]


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A payment's life."""

    payment_id: str
    merchant_id: str
    tenant_id: str
    mode: str
    status: str
    version: int
    amount: str
    strategies: tuple[str, ...]
    assessments: tuple[Row, ...]
    tokens: tuple[Row, ...]
    steps: tuple[Step, ...]


@click.command()
@click.argument("payment_id")
@reporting
def trace(screen: Screen, payment_id: str) -> None:
    """Print what is stored of PAYMENT_ID: events, entries, messages, strategy, batches, times."""
    with _reading() as reader:
        found = _traced(records_of(reader, payment_id))
    screen.show(found, _text_of(found))


@click.command()
@click.argument("payment_id")
@click.option("--at", "sequence", type=click.IntRange(min=1), help="As it was at this sequence.")
@reporting
def show(screen: Screen, payment_id: str, sequence: int | None) -> None:
    """Fold the events of PAYMENT_ID, all or those up to a sequence number, and print the result."""
    with _reading() as reader:
        events = events_of(reader, find_payment(reader, payment_id))
    until = [row for row in events if sequence is None or row["sequence"] <= sequence]
    if not until:
        raise Failure(
            "payment_not_yet",
            f"{payment_id} did not exist at sequence {sequence}",
            then=f"its first event has sequence {events[0]['sequence']}",
        )
    folded = model.fold(queries.bodies(until))
    shown = {"sequence": until[-1]["sequence"], "events": len(until), **_without_facts(folded)}
    rows = [(name, _plain(value)) for name, value in shown.items() if value is not None]
    screen.show(shown, table(rows))


@contextlib.contextmanager
def _reading() -> Iterator[Reader]:
    try:
        yield open_spanning_reader(current_settings().database)
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error


def _traced(records: Records) -> Trace:
    payment = records.payment
    created_at = payment["created_at"]

    def step(at: dt.datetime, numbers: Row, what: str, kind: str, detail: dict[str, Any]) -> Step:
        return Step(
            at=at,
            after_ms=(at - created_at) // dt.timedelta(milliseconds=1),
            sequence=numbers["sequence"],
            batch=numbers["batch"],
            what=what,
            kind=kind,
            detail={name: value for name, value in detail.items() if value not in (None, [], {})},
        )

    steps = [
        step(row["ingested_at"], row, "event", row["type"], _told(body_of(row)))
        for row in records.events
    ]
    for entry in records.entries:
        at = dt.datetime.fromisoformat(entry["at"])
        detail = {
            "number": entry["number"],
            "result": entry["outcome"],
            "by": entry["principal"],
            "from": entry["origin"],
            "request": entry["request"],
            **entry["fields"],
        }
        steps.append(step(at, entry, "entry", entry["kind"], detail))
    for row in records.messages:
        body = msgspec.json.decode(row["body"])
        steps.append(step(row["created_at"], row, "message", row["kind"], body))
    return Trace(
        payment_id=payment["payment_id"],
        merchant_id=payment["merchant_id"],
        tenant_id=payment["tenant_id"],
        mode=payment["mode"],
        status=payment["status"],
        version=payment["version"],
        amount=Money(payment["requested_minor"], payment["currency"]).text(),
        strategies=tuple(dict.fromkeys(row["strategy_id"] for row in records.assessments)),
        assessments=tuple(records.assessments),
        tokens=tuple(records.tokens),
        # Sorting is stable: within one command first its events, then entries, then messages.
        steps=tuple(sorted(steps, key=lambda one: one.sequence)),
    )


def _told(body: dict[str, Any]) -> dict[str, Any]:
    """Return an event's own fields, those of its judgement among them, without facts."""
    judgement = body.get("judgement") or {}
    own = {name: value for name, value in body.items() if name not in {*_LEFT_OUT, "judgement"}}
    return {**own, **judgement}


def _without_facts(payment: Payment) -> dict[str, Any]:
    shown = msgspec.structs.asdict(payment)
    facts = shown.pop("facts")
    return {**shown, "reference": facts.reference, "amount": facts.amount}


def _text_of(found: Trace) -> str:
    head = table(
        [
            ("payment", f"{found.payment_id}  {click.style(found.status, bold=True)}"),
            ("amount", found.amount),
            ("merchant", f"{found.merchant_id} ({found.mode}), tenant {found.tenant_id}"),
            ("strategy", ", ".join(found.strategies)),
            *(("judged", _judged(row)) for row in found.assessments),
            *(("token", f"{row['jti']} {row['state']}") for row in found.tokens),
        ]
    )
    return "\n".join([head, *_timeline(found.steps)])


def _judged(row: Row) -> str:
    return f"{row['stage']}: {row['outcome']}  {row['assessment_id']}"


def _timeline(steps: Sequence[Step]) -> Iterator[str]:
    """Yield the lines of each command under one heading."""
    last = 0
    for one in steps:
        if one.sequence != last:
            last = one.sequence
            at = one.at.strftime("%Y-%m-%d %H:%M:%S.%f")
            head = f"{at}  sequence {one.sequence}, batch {one.batch}, +{one.after_ms:,} ms"
            yield f"\n{click.style(head, bold=True)}"
        detail = " ".join(f"{name}={_plain(value)}" for name, value in one.detail.items())
        yield f"  {one.what.ljust(7)}  {one.kind}  {click.style(detail, dim=True)}"


def _plain(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, dict | list | tuple | msgspec.Struct):
        return msgspec.json.encode(value).decode()
    text = str(value)
    return f"{text[:HASH_SHOWN]}..." if _HASH.fullmatch(text) else text
