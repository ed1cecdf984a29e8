"""What rules may read: closed sets as the door has them, and values gathered in their order."""

import datetime as dt
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from risk.facts import Circumstances, Facts
from risk.lists import ListHit
from risk.rules.fields import LISTED, make_read, reading_order
from risk.rules.showing import exponent_of
from service.kernel import facts as told
from service.kernel.money import EXPONENTS
from service.rooms.lists.contract import ListEntity

AT = dt.datetime(2026, 11, 24, 20, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("name", "block", "member"),
    [
        ("agreement_type", told.Agreement, "type"),
        ("payee_type", told.Payee, "type"),
        ("payee_name_check", told.Payee, "name_check"),
        ("instrument_type", told.Instrument, "type"),
        ("instrument_funding", told.Instrument, "funding"),
        ("platform", told.DeviceSeen, "platform"),
        ("integrity", told.DeviceSeen, "integrity"),
        ("sign_in", told.Authentication, "sign_in"),
    ],
)
def test_closed_sets_are_those_that_the_door_lets_in(fields, name, block, member) -> None:
    hint: Any = get_type_hints(block)[member]
    words = [word for part in (get_args(hint) or (hint,)) for word in get_args(part) or (part,)]

    assert {word for word in words if isinstance(word, str)} == set(fields.by_name[name].values)


def test_kinds_and_entries_are_those_that_the_door_lets_in(fields) -> None:
    assert set(fields.by_name["kind"].values) == set(get_args(told.Kind))
    assert set(fields.by_name["entry"].values) == set(get_args(told.Entry))
    assert set(LISTED) == set(get_args(ListEntity))


def test_currencies_have_the_digits_that_the_door_gives_them() -> None:
    assert {code: exponent_of(code) for code in EXPONENTS} == dict(EXPONENTS)


def test_every_field_that_is_no_feature_is_read(fields, payment, known, strategy) -> None:
    names = reading_order(set(fields.by_name), fields)

    read = make_read(names, fields)(payment(), known(), strategy.preset("CN"))

    assert len(read) == len(names)
    assert len(names) == len(fields.by_name) - len(fields.features)
    told_names = [name for name in names if fields.by_name[name].source == "facts"]
    assert set(told_names) <= set(Facts.__struct_fields__)
    known_names = [name for name in names if fields.by_name[name].source == "circumstances"]
    assert set(known_names) <= set(Circumstances.__struct_fields__)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("payee_age_s", {"payee_added_at": AT - dt.timedelta(minutes=5)}, 300),
        ("payee_age_s", {"payee_added_at": AT + dt.timedelta(minutes=5)}, 0),
        ("payee_age_s", {}, None),
        ("account_age_s", {"account_created_at": AT - dt.timedelta(days=2)}, 172_800),
        ("contact_age_s", {"contact_changed_at": AT}, 0),
        ("instrument_age_s", {"instrument_added_at": AT}, 0),
        ("sign_in_age_s", {"sign_in_at": AT}, 0),
        ("balance_share", {"balance_before_minor": 10_000}, 500),
        ("balance_share", {"balance_before_minor": 0}, None),
        ("balance_share", {}, None),
        ("exemption_limit_minor", {}, 10_000),
        ("exemption_limit_minor", {"currency": "JPY"}, None),
        ("local_hour", {}, 4),
        ("watch_list:payee", {}, False),
    ],
)
def test_what_follows_from_facts(fields, payment, known, strategy, name, given, value) -> None:
    facts = payment(occurred_at=AT, amount_minor=5_000, **given)

    assert make_read((name,), fields)(facts, known(), strategy.preset("CN")) == (value,)


def test_an_entry_of_a_list_is_read_by_kind_and_entity(fields, payment, known, strategy) -> None:
    hit = ListHit(list_id="l", kind="watch", strength="overridable", entity="payee", reason="r")
    names = ("watch_list:payee", "watch_list:payer", "block_list:payee")

    read = make_read(names, fields)(payment(), known(lists=(hit,)), strategy.preset("CN"))

    assert read == (True, False, False)


def test_a_vector_s_names_are_all_fields(fields, strategy) -> None:
    assert set(strategy.features.names) <= set(fields.by_name)
    assert msgspec.structs.replace(fields) == fields
