"""Lists by every filter, page by page; what is due; a payment's events as answers tell them."""

import datetime as dt
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import msgspec
import pytest

from service.db.places import Place
from service.db.reader import Reader
from service.db.stores import open_reader, open_spanning_reader
from service.rooms.payments import queries, store
from service.rooms.payments.contract import PaymentQuery
from service.rooms.payments.model import Payment, event_type, from_row, listed, token_state
from tests.service.rooms.payments.bodies import NOW, a_payment, reported, the_claims, way_to
from tests.support.guards import run_alone
from tests.support.places import create_tables, plan

OWNER = ("ten_1", "mer_1", "live")
MINUTE = dt.timedelta(minutes=1)


def a_row(number: int, status, *, payee: str = "p_77", payer: str = "c_17") -> Payment:
    """Return a payment of its own id and reference; two a minute, so that times are equal."""
    payment = a_payment(status)
    facts = msgspec.structs.replace(
        payment.facts,
        reference=f"ord-{number}",
        payee=msgspec.structs.replace(payment.facts.payee, payee_id=payee),
        payer=msgspec.structs.replace(payment.facts.payer, payer_id=payer),
    )
    return msgspec.structs.replace(
        payment,
        payment_id=f"pay_{number:02}",
        facts=facts,
        created_at=NOW - (number // 2) * MINUTE,
    )


ROWS = [
    a_row(number, status, payee=payee, payer=payer)
    for number, (status, payee, payer) in enumerate(
        product(("approved", "held", "settled"), ("p_77", "p_78"), ("c_17", "c_18"))
    )
]
OLD = msgspec.structs.replace(a_row(90, "held"), created_at=NOW - dt.timedelta(days=31))
STRANGERS = [
    msgspec.structs.replace(a_row(91, "held"), tenant_id="ten_2"),
    msgspec.structs.replace(a_row(92, "held"), merchant_id="mer_2"),
    msgspec.structs.replace(a_row(93, "held"), mode="sandbox"),
]


@pytest.fixture(scope="module")
def database(module_place: Place) -> Place:
    create_tables(module_place)
    for payment in (*ROWS, OLD, *STRANGERS):
        run_alone(module_place, store.insert(payment))
    return module_place


@pytest.fixture
def reader(database: Place) -> Reader:
    return open_reader(database)


def page(reader: Reader, query: PaymentQuery, last=None) -> list[Payment]:
    rows = reader.fetch(queries.page(query, owner=OWNER, last=last, now=NOW))
    return [from_row(row) for row in rows]


def newest_first(payments: Iterable[Payment]) -> list[Payment]:
    return sorted(payments, key=queries.key, reverse=True)


def test_a_list_holds_the_merchants_own_of_the_last_30_days(reader: Reader) -> None:
    assert page(reader, PaymentQuery()) == newest_first(ROWS)


def test_a_list_reaches_back_as_far_as_it_is_told(reader: Reader) -> None:
    found = page(reader, PaymentQuery(created_from=OLD.created_at, created_to=NOW - 30 * MINUTE))

    assert found == [OLD]


def test_a_list_ends_right_before_created_to(reader: Reader) -> None:
    found = page(reader, PaymentQuery(created_to=NOW))

    assert found == newest_first(row for row in ROWS if row.created_at < NOW)


@pytest.mark.parametrize("status", [None, "held"])
@pytest.mark.parametrize("payee_id", [None, "p_78"])
@pytest.mark.parametrize("payer_id", [None, "c_18"])
@pytest.mark.parametrize("reference", [None, "ord-7"])
def test_filters_narrow_together(reader: Reader, status, payee_id, payer_id, reference) -> None:
    query = PaymentQuery(status=status, payee_id=payee_id, payer_id=payer_id, reference=reference)

    found = page(reader, query)

    assert found == newest_first(
        row
        for row in ROWS
        if status in {None, row.status}
        and payee_id in {None, row.facts.payee.payee_id}
        and payer_id in {None, row.facts.payer.payer_id}
        and reference in {None, row.facts.reference}
    )


def test_pages_follow_each_other_without_gap_or_repetition(reader: Reader) -> None:
    query = PaymentQuery(limit=5)

    first = page(reader, query)
    second = page(reader, query, last=queries.key(first[4]))
    third = page(reader, query, last=queries.key(second[4]))

    assert [*first[:5], *second[:5], *third] == newest_first(ROWS)


# What a plan says where it sorts rows by itself.
SORTS = ("B-TREE", "Sort")
INDEXES = {
    (): "ix_payments_created",
    ("status",): "ix_payments_status",
    ("payer_id",): "ix_payments_payer",
    ("payee_id",): "ix_payments_payee",
}


@pytest.mark.parametrize(("filters", "index"), INDEXES.items())
def test_each_filter_reads_its_index_in_the_lists_order(database: Place, filters, index) -> None:
    given = dict.fromkeys(filters, "held")
    bound = queries.page(PaymentQuery(**given), owner=OWNER, last=None, now=NOW)

    told = plan(database, bound)

    assert index in told
    assert not set(SORTS) & set(told.split())


def test_a_reference_reads_its_unique_index(tmp_path: Path) -> None:
    database = tmp_path / "payguard.sqlite"
    create_tables(database)
    bound = queries.page(PaymentQuery(reference="ord-1"), owner=OWNER, last=None, now=NOW)

    told = plan(database, bound)

    assert "sqlite_autoindex" in told


def test_due_timers_read_their_index_in_its_order(database: Place) -> None:
    told = plan(database, queries.DUE(now=NOW, limit=10))

    assert "ix_payments_timer" in told
    assert not set(SORTS) & set(told.split())


def test_what_is_due_is_told_to_the_worker(database: Place) -> None:
    due = ROWS[0].timer_at
    reader = open_spanning_reader(database)

    early = reader.fetch(queries.DUE(now=due - MINUTE, limit=100))
    late = reader.fetch(queries.DUE(now=due, limit=100))
    some = reader.fetch(queries.DUE(now=due, limit=3))

    assert early == []
    assert {row["payment_id"] for row in late} == {
        row.payment_id for row in (*ROWS, OLD, *STRANGERS) if row.timer_at is not None
    }
    assert {row["timer_action"] for row in late} == {"expire", "end"}
    assert len(some) == 3


def test_events_are_told_with_their_step() -> None:
    bodies = [*way_to("executed"), reported("refunded", 5), reported("refused")]
    rows = [
        {"type": event_type(one), "schema": 1, "body": msgspec.json.encode(one)} for one in bodies
    ]

    told = queries.seen(rows)

    assert [one.type for one in told] == [
        *("created", "token_issued", "execute", "authorized", "refunded", "refused")
    ]
    assert [one.in_step for one in told] == [True] * 5 + [False]
    assert told[4].amount is not None
    assert told[4].amount.value == 5
    assert told[4].source == "psp"


def test_a_line_of_a_list_says_whose_and_how_much() -> None:
    line = listed(ROWS[0])

    assert (line.payer_id, line.payee_id, line.kind) == ("c_17", "p_77", "purchase")
    assert line.amounts.requested == 10_000


def test_one_payment_is_read_with_its_token(place: Place) -> None:
    create_tables(place)
    approved = a_payment("approved")
    run_alone(place, store.insert(approved))
    run_alone(place, store.insert_token(the_claims(approved), tenant_id="ten_1", now=NOW))
    reader = open_reader(place)
    owner = dict(zip(("tenant_id", "merchant_id", "mode"), OWNER, strict=True))

    payment = reader.maybe(queries.PAYMENT(**owner, payment_id=approved.payment_id))
    token = reader.maybe(queries.TOKEN(tenant_id="ten_1", jti=approved.token_jti))

    assert payment is not None
    assert from_row(payment) == approved
    assert token is not None
    assert token_state(token, now=NOW) == "active"


@pytest.mark.parametrize(
    "stranger", [{"tenant_id": "ten_2"}, {"merchant_id": "mer_2"}, {"mode": "sandbox"}]
)
def test_nobody_elses_payment_is_read(reader: Reader, stranger: dict[str, str]) -> None:
    owner = dict(zip(("tenant_id", "merchant_id", "mode"), OWNER, strict=True))

    found = reader.maybe(queries.PAYMENT(**{**owner, **stranger}, payment_id=ROWS[0].payment_id))

    assert found is None
