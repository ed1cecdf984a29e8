"""Lists over a file's columns match what they match for each payment, entry by entry."""

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from keys.pseudonyms import Kind, pseudonym
from risk.facts import Facts
from service.cli.backtest.fields import Fields
from service.cli.backtest.history import facts_of, load_history
from service.cli.backtest.listed import NOBODY, Names, listed, read_entries
from service.cli.replay.columns import ColumnMap
from service.cli.screen import Failure
from service.rooms.lists import model
from service.rooms.lists.contract import AddListEntry, ListEntity

WHY = {"reason": "asked about", "owner": "risk team"}
MAP = ColumnMap(
    {
        "payment": {
            "reference": "{row}",
            "kind": "purchase",
            "occurred_at": "2026-01-02T00:00:00Z",
            "amount": {"value": "1.00", "currency": "CNY"},
            "payee": {"payee_id": "{payee}", "account": "{account}"},
            "payer": {"payer_id": "{payer}", "email": "{email}", "phone": "{phone}"},
            "device": {"device_id": "{device}", "ip": "{ip}", "ip_country": "{country}"},
            "instrument": {
                "instrument_id": "{instrument}",
                "type": "card",
                "bin": "{bin}",
                "issuer_country": "{country}",
                "billing_country": "{country}",
            },
            "order": {"shipping": {"country": "{country}"}},
        }
    },
    name="test",
)
POOLS = {
    "payee": ["p_1", "p_2", "p_3"],
    "account": ["", "acc_1", "acc_2"],
    "payer": ["c_1", "c_2"],
    "email": ["", "lin@example.com", "Wu@Example.com", "no address"],
    "phone": ["", "+861000000", "+862000000"],
    "device": ["", "d_1", "d_2"],
    "ip": ["", "203.0.113.7", "203.0.114.9", "198.51.100.1"],
    "country": ["", "SG", "CN"],
    "instrument": ["i_1", "i_2"],
    "bin": ["", "411111", "41111149", "411112"],
}
ENTRIES: list[dict[str, Any]] = [
    {"kind": "block", "entity": "payee", "value": "p_1", "strength": "absolute"},
    {"kind": "watch", "entity": "payee", "value": "p_1"},
    {"kind": "watch", "entity": "payee_account", "value": "acc_1"},
    {"kind": "allow", "entity": "payer", "value": "c_2"},
    {"kind": "watch", "entity": "email", "value": "wu@example.com"},
    {"kind": "watch", "entity": "phone", "value": "+86 1000 000"},
    {"kind": "block", "entity": "device", "value": "d_2"},
    {"kind": "watch", "entity": "ip", "value": "203.0.0.0/16"},
    {"kind": "watch", "entity": "ip", "value": "203.0.114.9"},
    {"kind": "watch", "entity": "bin", "value": "411111"},
    {"kind": "watch", "entity": "bin", "value": "41111100-41111149"},
    {"kind": "watch", "entity": "ip_country", "value": "SG"},
    {"kind": "watch", "entity": "issuer_country", "value": "CN"},
    {"kind": "watch", "entity": "billing_country", "value": "SG"},
    {"kind": "watch", "entity": "shipping_country", "value": "CN"},
    {"kind": "watch", "entity": "instrument", "value": "i_2"},
]
SIZE = 200


def written(tmp_path: Path, entries: list[dict[str, Any]]) -> Path:
    file = tmp_path / "entries.jsonl"
    file.write_text("\n".join(json.dumps(one | WHY) for one in entries))
    return file


def values() -> dict[str, list[str]]:
    random = np.random.default_rng(3)
    drawn = {name: [str(one) for one in random.choice(pool, SIZE)] for name, pool in POOLS.items()}
    return drawn | {"row": [str(row) for row in range(SIZE)]}


def matching(facts: Facts, kept: dict[int, AddListEntry]) -> set[str]:
    """Return what the store's statement finds for one payment."""
    keys = model.keys_of(facts)
    found = set()
    for line, one in kept.items():
        match = model.match_of(one.entity, one.value)
        low, high = match.bin_low, match.bin_high
        is_in = low is None or high is None
        if not is_in and keys.bin_low is not None and keys.bin_high is not None:
            assert low is not None
            assert high is not None
            is_in = low <= keys.bin_low and high >= keys.bin_high
        if match.key in keys.keys and is_in:
            found.add(f"line_{line}")
    return found


def test_each_payment_matches_what_it_matches_alone(tmp_path: Path) -> None:
    file = values()
    loaded = load_history(file, MAP, preset="CN")
    entries = read_entries(written(tmp_path, ENTRIES), NOBODY)

    found = listed(Fields(file, MAP, SIZE), loaded.row, entries)

    met = set()
    for row, place in enumerate(loaded.row):
        told = {name: column[place] for name, column in file.items()}
        facts = facts_of(MAP.request(told, now=None).body)
        lines = {one.list_id for one in found.of(row)}
        assert lines == matching(facts, entries.kept)
        met |= lines
    assert 0 < len(loaded.row) < SIZE
    assert met == {f"line_{line}" for line in entries.kept}
    assert {one["entity"] for one in ENTRIES} == set(get_args(ListEntity))
    assert entries.unknown == 0


def test_the_oldest_comes_first_as_in_a_judgement(tmp_path: Path) -> None:
    file = values()
    loaded = load_history(file, MAP, preset="CN")

    found = listed(
        Fields(file, MAP, SIZE),
        loaded.row,
        read_entries(written(tmp_path, ENTRIES[:2]), NOBODY),
    )

    assert sorted([one.list_id for one in hits] for hits in found.hits) == [
        [],
        ["line_2", "line_1"],
    ]


@pytest.mark.parametrize("is_known", [True, False])
def test_pseudonyms_match_where_their_tenant_is_known(tmp_path: Path, *, is_known: bool) -> None:
    names = Names(b"k" * 32, "ten_1", is_known=True)
    value = pseudonym(names.key, Kind.EMAIL, "lin@example.com", tenant_id="ten_1")
    file = values()
    loaded = load_history(file, MAP, preset="CN")

    entries = read_entries(
        written(tmp_path, [{"kind": "watch", "entity": "email", "value": value}]),
        names if is_known else NOBODY,
    )
    found = listed(Fields(file, MAP, SIZE), loaded.row, entries)

    is_lin = [file["email"][place] == "lin@example.com" for place in loaded.row]
    assert any(is_lin)
    hit = [bool(found.of(row)) for row in range(len(loaded.row))]
    assert hit == (is_lin if is_known else [False] * len(is_lin))
    assert entries.unknown == (0 if is_known else 1)


@pytest.mark.parametrize(
    "line", ["{", '{"kind": "block"}', json.dumps({**ENTRIES[0], **WHY, "value": "\n"})]
)
def test_a_line_that_is_no_entry_is_named_without_its_value(tmp_path: Path, line: str) -> None:
    file = written(tmp_path, ENTRIES[:1])
    file.write_text(f"{file.read_text()}\n{line}")

    with pytest.raises(Failure, match="line 2"):
        read_entries(file, NOBODY)
