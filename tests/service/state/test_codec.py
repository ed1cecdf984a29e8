"""What older events do not say is not known of a state made from them: never a wrong number."""

import datetime as dt

import msgspec
import pytest

from risk.entity_state import EntityState
from risk.feature import Entity, load_features
from risk.reading import Asked
from risk.vectors import Missing, entity_values
from risk.windows import second_of
from service.state.cache import observe
from service.state.codec import WindowStates
from service.state.entities import FORM_PLAIN, FORM_TOLD_FRAUDS, Observation, Told, pack, unpack

NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
PAST = Missing("outside_kept_range")
NONE = Missing("no_history")
FEATURES = load_features()


def fact(at: dt.datetime) -> bytes:
    """Return the event of a payment of before usual amounts."""
    return msgspec.msgpack.encode(
        [FORM_PLAIN, [(at, 500, "CNY", False, ["payee", "p", "payer", "c"])]]
    )


def telling(at: dt.datetime, payment_id: str) -> bytes:
    """Return the event of a fraud label of before normal ones were told."""
    said = [(second_of(at + HOUR), True)]
    return msgspec.msgpack.encode([FORM_TOLD_FRAUDS, (at, payment_id, True, said, ["payee", "p"])])


def now_told(at: dt.datetime, payment_id: str, *, is_fraud: bool) -> bytes:
    told = Told(payment_id=payment_id, said=((second_of(at + HOUR), is_fraud),), was_normal=True)
    seen = Observation(kind="payee", key="p", at=at, amount_minor=0, currency="", told=told)
    packed = pack((seen,))
    assert packed is not None
    return packed


def now_paid(at: dt.datetime) -> bytes:
    names = {"payee": "p", "payer": "c"}
    packed = pack(
        tuple(
            Observation(
                kind=kind,
                key=key,
                at=at,
                amount_minor=500,
                currency="CNY",
                others=names,
                ratio_milli=9_000,
            )
            for kind, key in names.items()
        )
    )
    assert packed is not None
    return packed


def folded(kind: str, *events: bytes) -> EntityState:
    """Return the state of an entity as it is rebuilt, kept and read again."""
    codec = WindowStates()
    state = codec.new(kind)
    for one in events:
        for seen in unpack(one):
            if seen.kind == kind:
                observe(state, seen)
    found = codec.unpack(kind, state.copy().pack())
    assert isinstance(found, EntityState)
    assert found.pack() == state.pack()
    return found


def seen(state: EntityState, kind: Entity, at: dt.datetime, *names: str) -> list[object]:
    asked = Asked(second=second_of(at), currency="CNY", amount_minor=500, others={})
    values = entity_values(kind, state, asked, FEATURES)
    return [values[f"{kind}_{name}"] for name in names]


RUNS = ("last_label", "fraud_run", "genuine_since_fraud", "fraud_risk_30d", "unlabelled_7d")


@pytest.mark.parametrize("is_told", [False, True])
def test_labels_that_nobody_doubted_are_not_known(is_told: bool) -> None:
    """The second payment was labelled normal, of which its event says nothing."""
    events = [fact(NOON), fact(NOON + HOUR), telling(NOON, "pay_1")]
    state = folded("payee", *events[: 2 + is_told])

    assert seen(state, "payee", NOON + DAY, *RUNS) == [PAST] * 2 + [
        PAST if is_told else NONE,
        *[PAST] * 2,
    ]
    # Frauds were told whole.
    assert seen(state, "payee", NOON + DAY, "fraud_count_30d") == [int(is_told)]


def test_what_is_told_from_now_on_is_known() -> None:
    state = folded(
        "payee",
        fact(NOON),
        telling(NOON, "pay_1"),
        now_paid(NOON + DAY),
        now_told(NOON + DAY, "pay_2", is_fraud=False),
        now_paid(NOON + DAY + HOUR),
        now_told(NOON + DAY + HOUR, "pay_3", is_fraud=True),
    )

    at = NOON + 3 * DAY
    assert seen(state, "payee", at, "last_label", "fraud_run", "fraud_run_age_s") == [
        1,
        1,
        (2 * DAY - HOUR).total_seconds(),
    ]
    assert seen(state, "payee", at, "fraud_risk_7d", "unlabelled_30d") == [PAST, PAST]
    # A window that begins after the last such event.
    at = NOON + 7 * DAY + HOUR
    assert seen(state, "payee", at, "fraud_risk_7d", "unlabelled_7d") == [1_050_000 // 7, 0]


def test_what_was_abnormal_is_not_known() -> None:
    names = ("abnormal_count_7d", "abnormal_count_14d", "abnormal_max_14d", "since_abnormal_s")
    before = folded("payer", fact(NOON))
    after = folded("payer", fact(NOON), now_paid(NOON + DAY))

    assert seen(before, "payer", NOON + DAY, *names) == [PAST] * 4
    assert seen(after, "payer", NOON + 2 * DAY, *names) == [PAST] * 3 + [DAY.total_seconds()]
    assert seen(after, "payer", NOON + 7 * DAY + HOUR, names[0]) == [1]


def test_a_state_of_events_of_now_knows_all() -> None:
    state = folded("payee", now_paid(NOON), now_told(NOON, "pay_1", is_fraud=True))

    assert seen(state, "payee", NOON + DAY, *RUNS) == [1, 1, 0, 1_050_000 // 6, 0]
