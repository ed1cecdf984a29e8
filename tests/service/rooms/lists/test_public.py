"""Which entries a payment matches: by each entity, by ranges and networks, and until when."""

import datetime as dt
from typing import Any, Final

import msgspec
import pytest
from msgspec import UNSET

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from risk.facts import Facts
from risk.reasons import load_texts
from risk.strategy import load_strategy
from service.rooms.lists.contract import ENTITIES
from service.rooms.lists.public import hits, hits_read
from tests.service.rooms.lists.conftest import Lists
from tests.support.uow import START

KEY: Final = b"p" * 32
STRATEGY: Final = load_strategy()
EMAIL, PHONE, IP = "lin@example.com", "+8613800138000", "203.0.113.9"

PLAIN: Final = Facts(
    stage="pre_payment",
    occurred_at=START,
    kind="purchase",
    amount_minor=100,
    currency="CNY",
    payer_key="c_1",
    payer_id="c_1",
    payee_id="p_1",
)


def told(lists: Lists, **given: Any) -> Facts:
    """Return a payment that tells everything that a list may name."""
    tenant_id = lists.call.tenant_id
    everything = {
        "payee_account_id": "acc_1",
        "instrument_id": "ins_1",
        "instrument_bin": "411111",
        "instrument_issuer_country": "SG",
        "instrument_billing_country": "FR",
        "device_id": "d_1",
        "email_key": pseudonym(KEY, Kind.EMAIL, EMAIL, tenant_id=tenant_id),
        "phone_key": pseudonym(KEY, Kind.PHONE, PHONE, tenant_id=tenant_id),
        "ip_keys": ip_pseudonyms(KEY, IP, tenant_id=tenant_id),
        "ip_country": "CN",
        "shipping_country": "DE",
    }
    return msgspec.structs.replace(PLAIN, **(everything | given))


VALUES: Final = {
    "payer": ("c_1", "c_2"),
    "payee": ("p_1", "p_2"),
    "payee_account": ("acc_1", "p_1"),
    "instrument": ("ins_1", "d_1"),
    "device": ("d_1", "ins_1"),
    "email": ("Lin@Example.com", "lin@example.org"),
    "phone": ("+86 138 0013 8000", "+86 138 0013 8001"),
    "ip": ("203.0.113.9", "203.0.113.8"),
    "bin": ("411111", "411112"),
    "ip_country": ("CN", "SG"),
    "issuer_country": ("SG", "CN"),
    "billing_country": ("FR", "CN"),
    "shipping_country": ("DE", "CN"),
}
assert VALUES.keys() == ENTITIES.keys()


def matched(lists: Lists, facts: Facts) -> list[str]:
    """Return the ids of the entries that a payment matches now."""
    now = lists.house.clock.now()
    view = lists.house.view()
    return [one.list_id for one in hits(view, lists.call, facts, now=now, strategy=STRATEGY)]


@pytest.mark.parametrize("entity", VALUES)
def test_an_entry_matches_its_value_and_no_other(lists: Lists, entity: str) -> None:
    right, wrong = VALUES[entity]
    made = lists.add(entity=entity, value=right)
    lists.add(entity=entity, value=wrong)

    assert matched(lists, told(lists)) == [made["id"]]
    assert matched(lists, PLAIN) == ([made["id"]] if entity in {"payer", "payee"} else [])


def test_a_hit_says_what_its_entry_says(lists: Lists) -> None:
    block = lists.add(strength="absolute", value="p_1")
    lists.add(kind="watch", entity="payer", value="c_1", reason="asked about")

    found = hits(lists.house.view(), lists.call, PLAIN, now=START, strategy=STRATEGY)

    assert [msgspec.structs.astuple(one) for one in found] == [
        (block["id"], "block", "absolute", "payee", "three payers never got anything", UNSET),
        (found[1].list_id, "watch", "overridable", "payer", "asked about", UNSET),
    ]


@pytest.mark.parametrize(
    ("network", "address", "is_in"),
    [
        ("203.0.0.0/8", "203.99.1.1", True),
        ("203.0.0.0/8", "204.0.0.1", False),
        ("203.0.0.0/16", "203.0.255.1", True),
        ("203.0.113.0/24", "203.0.113.200", True),
        ("203.0.113.0/24", "203.0.114.1", False),
        ("203.0.113.0/24", "::ffff:203.0.113.7", True),
        ("2001:db8::/32", "2001:db8:ffff::1", True),
        ("2001:db8:1::/48", "2001:db8:1:2::1", True),
        ("2001:db8:1:2::/64", "2001:db8:1:3::1", False),
    ],
)
def test_a_network_matches_the_addresses_in_it(
    lists: Lists, network: str, address: str, *, is_in: bool
) -> None:
    lists.add(entity="ip", value=network)
    keys = ip_pseudonyms(KEY, address, tenant_id=lists.call.tenant_id)

    assert bool(matched(lists, told(lists, ip_keys=keys))) is is_in


@pytest.mark.parametrize(
    ("bins", "card", "is_in"),
    [
        ("411111", "411111", True),
        ("411111", "41111199", True),
        ("411111", "411112", False),
        ("41111100-41111149", "41111149", True),
        ("41111100-41111149", "41111150", False),
        # A card of six digits may be one outside of the range.
        ("41111100-41111149", "411111", False),
        ("411111-411119", "4111155", True),
        ("411111-411119", "411120", False),
    ],
)
def test_a_range_of_bins_matches_the_cards_in_it(
    lists: Lists, bins: str, card: str, *, is_in: bool
) -> None:
    lists.add(entity="bin", value=bins)

    assert bool(matched(lists, told(lists, instrument_bin=card))) is is_in


def test_an_entry_that_is_over_matches_nothing_and_gives_its_place(lists: Lists) -> None:
    lists.add(value="p_1", expires_at="2026-11-23T08:00:10Z")
    assert len(matched(lists, PLAIN)) == 1

    lists.house.clock.advance(dt.timedelta(seconds=10))

    assert matched(lists, PLAIN) == []
    assert lists.shown() == []
    assert lists.shown("?state=expired") == ["p_1"]
    lists.add(value="p_1", reason="still at it")
    assert len(matched(lists, PLAIN)) == 1
    assert len(lists.rows()) == 1


def test_another_merchants_lists_match_nothing(lists: Lists) -> None:
    lists.add(value="p_1")
    others = (lists.merchant(), lists.merchant(lists.call.tenant_id))

    for other in others:
        assert hits(lists.house.view(), other, PLAIN, now=START, strategy=STRATEGY) == ()


def test_a_payment_is_looked_up_by_one_statement(lists: Lists) -> None:
    assert hits_read(lists.call, PLAIN).statement is hits_read(lists.call, told(lists)).statement


def test_each_entity_has_its_words_for_a_reason() -> None:
    assert set(load_texts().words["listed"]) == set(ENTITIES)
