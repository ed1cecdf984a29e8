import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.entropy import CountingEntropy
from service.rooms.webhooks import model
from service.rooms.webhooks.model import Said, may_be_sent_to, next_attempt_at
from service.unit_of_work.commands import Mode

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
SAID = Said(
    merchant_id="mer_1",
    mode="live",
    kind="payment.moved",
    subject_id="pay_1",
    sequence=7,
    ordinal=0,
    batch=9,
    created_at=NOW,
    body={"status": "approved", "version": 2, "reference": "ord-1", "secret": "x"},
)


@pytest.mark.parametrize(
    ("url", "modes"),
    [
        ("https://hooks.example/a?b=c", ("live", "sandbox")),
        ("https://hooks.example:8443/", ("live", "sandbox")),
        ("https://1.1.1.1/", ("live", "sandbox")),
        ("http://127.0.0.1:9/x", ("sandbox",)),
        ("http://localhost/x", ("sandbox",)),
        ("http://[::1]:80/x", ("sandbox",)),
        ("https://localhost/x", ("sandbox",)),
        ("http://hooks.example/", ("sandbox",)),
        ("https://user@hooks.example/", ()),
        ("https://:p@hooks.example/", ()),
        ("https://hooks.example/#x", ()),
        ("https://hooks.example\\@evil.example/", ()),
        ("https://hooks/", ("sandbox",)),
        ("https://10.0.0.1/", ("sandbox",)),
        ("https://169.254.169.254/latest", ()),
        ("https://0.0.0.0/", ()),
        ("https://[fd00::1]/", ("sandbox",)),
        ("https://[::ffff:10.0.0.1]/", ()),
        ("https://2130706433/", ()),
        ("https://0x7f.1/", ()),
        ("https://127.1/", ()),
        ("https://a.localhost/", ("sandbox",)),
        ("https://hooks..example/", ()),
        ("https://hooks.example:0/", ()),
        ("https://hooks.example:65536/", ()),
        ("https:///x", ()),
        ("https://[::1/", ()),
        # What no delivery would be made to.
        ("https://my_shop.example/", ()),
        ("https://hooks.example:587/", ("sandbox",)),
        ("https://hooks.example./", ()),
        ("https://169.254.169.254/", ()),
        ("https://[fd00:ec2::254]/", ()),
        ("https://hooks.corp.lan:444/x", ("sandbox",)),
        ("https://box.local/x", ("sandbox",)),
        ("https://db.internal/", ("sandbox",)),
        ('https://hooks.example/{"|}', ()),
        ("http://receiver/", ("sandbox",)),
        ("http://192.168.0.2/", ("sandbox",)),
    ],
)
@pytest.mark.parametrize("mode", ["live", "sandbox"])
def test_where_deliveries_may_go(url: str, modes: tuple[Mode, ...], mode: Mode) -> None:
    assert may_be_sent_to(url, mode) == (mode in modes)


def test_an_event_is_a_cloudevent_that_tells_ids_and_words_alone() -> None:
    body = model.event_body(SAID, event_id="evt_1", source="https://pay.example")

    assert json.loads(body) == {
        "specversion": "1.0",
        "id": "evt_1",
        "source": "https://pay.example",
        "type": "payguard.payment.moved",
        "subject": "pay_1",
        "time": "2026-11-24T08:00:00Z",
        "datacontenttype": "application/json",
        "data": {
            "payment_id": "pay_1",
            "reference": "ord-1",
            "status": "approved",
            "outcome": None,
            "reason_code": None,
            "version": 2,
            "merchant_id": "mer_1",
            "mode": "live",
            "sequence": 7,
            "batch": 9,
        },
    }


def test_what_is_told_to_nobody_makes_no_event() -> None:
    other = Said(**{**{name: getattr(SAID, name) for name in SAID.__struct_fields__}, "kind": "x"})

    assert model.kind_of("x") is None
    with pytest.raises(ValueError, match="nobody"):
        model.event_body(other, event_id="evt_1", source="https://pay.example")


def again(attempts: int, **given: object) -> dt.datetime | None:
    values = {"started_at": NOW, "now": NOW, "retry_after_s": None, "entropy": CountingEntropy()}
    return next_attempt_at(attempts, **{**values, **given})  # type: ignore[arg-type]  # a test's own


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 5), (2, 30), (3, 120), (4, 600), (5, 1_800), (6, 3_600), (9, 28_800), (40, 43_200)],
)
@given(seed=st.integers(0, 10_000))
def test_delays_grow_and_are_spread_by_a_fifth(attempts: int, seconds: int, seed: int) -> None:
    at = again(attempts, entropy=CountingEntropy(seed))

    assert at is not None
    assert 0.8 * seconds <= (at - NOW).total_seconds() <= 1.2 * seconds


def test_delays_differ() -> None:
    assert len({again(6, entropy=CountingEntropy(seed)) for seed in range(20)}) == 20


def test_what_the_receiver_asks_for_lengthens_the_delay_within_bounds() -> None:
    assert again(1, retry_after_s=900) == NOW + dt.timedelta(seconds=900)
    assert again(1, retry_after_s=86_400) == NOW + 12 * HOUR
    shorter = again(9, retry_after_s=1)
    assert shorter is not None
    assert shorter > NOW + 6 * HOUR


def test_the_last_attempt_comes_after_three_days_and_none_after_it() -> None:
    started = NOW - dt.timedelta(hours=71)

    assert again(20, started_at=started) == NOW + HOUR
    assert again(20, started_at=NOW - dt.timedelta(hours=72)) is None


def test_a_delivery_that_always_fails_is_tried_some_fifteen_times() -> None:
    now, attempts = NOW, 0
    entropy = CountingEntropy()
    while True:
        attempts += 1
        later = next_attempt_at(
            attempts, started_at=NOW, now=now, retry_after_s=None, entropy=entropy
        )
        if later is None:
            break
        assert later > now
        now = later

    assert now == NOW + 72 * HOUR
    assert 13 <= attempts <= 18


def test_new_keys_are_not_shown() -> None:
    keys = model.NewKeys(text="whsec_x", sealed={"sealed": b"x"})

    assert repr(keys) == "NewKeys(not shown)"
