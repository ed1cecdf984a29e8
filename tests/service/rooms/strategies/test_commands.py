"""Strategies in force: one number after the other, each signed, and back the way they came."""

from collections.abc import Iterator

import msgspec
import pytest

from risk.feature import load_features
from risk.strategy_content import Whole, from_files, packaged_files
from service.rooms.strategies import model, public, queries
from service.rooms.strategies.commands import handlers
from service.rooms.strategies.contract import AUDIT_KINDS, ActivateStrategy, GoBack
from tests.support.uow import House, a_call, a_house_call

SEED = bytes(range(32))
DESK = public.desk(SEED)
BY = model.signer(SEED)


def other(at_least: int) -> Whole:
    files = packaged_files()
    text = files["velocity.toml"].replace(b"at_least = 30", f"at_least = {at_least}".encode())
    return from_files({**files, "velocity.toml": text}, load_features())


def activation(number: int, whole: Whole, **given) -> ActivateStrategy:
    strategy_id = whole.strategy.id
    values = {
        "number": number,
        "strategy_id": strategy_id,
        "content": whole.content,
        "note": model.signed(number, strategy_id, whole.content, BY),
    }
    return ActivateStrategy(**{**values, **given})


def going_back(number: int, whole: Whole, **given) -> GoBack:
    note = model.signed(number, whole.strategy.id, whole.content, BY)
    values = {"number": number, "strategy_id": whole.strategy.id, "note": note}
    return GoBack(**{**values, **given})


@pytest.fixture
def house(place) -> Iterator[House]:
    made = House(place, handlers(DESK))
    yield made
    made.close()


def in_force(house: House) -> tuple[int, str, str]:
    row = queries.in_force(house.spanning)
    assert row is not None
    assert model.opened(row, DESK).strategy.id == row["strategy_id"]
    return row["number"], row["strategy_id"], row["origin"]


@pytest.mark.long
def test_the_newest_decides_and_going_back_leads_the_way_that_was_come(house):
    own, tight, tighter = DESK.own, other(20), other(10)
    for number, whole in enumerate((own, tight, tighter), start=1):
        made = house.accept(activation(number, whole), a_house_call())
        assert (made.number, made.back_to) == (number, number - 1 or None)
    assert in_force(house) == (3, tighter.strategy.id, "hand")

    house.accept(going_back(4, tight), a_house_call())
    assert in_force(house) == (4, tight.strategy.id, "hand")
    house.accept(going_back(5, own), a_house_call())
    assert in_force(house) == (5, own.strategy.id, "packaged")

    assert house.refuse(going_back(6, own), a_house_call()) == "strategy_first"
    assert [row["number"] for row in queries.before(house.spanning, 6)] == [5, 4, 3, 2, 1]
    assert queries.of_id(house.spanning, tighter.strategy.id)["content"] == tighter.content
    assert set(house.kinds()) == set(AUDIT_KINDS)


@pytest.mark.long
def test_what_decides_already_and_what_came_too_late_are_refused(house):
    house.accept(activation(1, DESK.own), a_house_call())

    assert house.refuse(activation(2, DESK.own), a_house_call()) == "strategy_active"
    assert house.refuse(activation(1, other(9)), a_house_call()) == "strategy_changed"
    assert house.refuse(activation(3, other(9)), a_house_call()) == "strategy_changed"
    house.accept(activation(2, other(9)), a_house_call())
    assert house.refuse(going_back(3, other(8)), a_house_call()) == "strategy_changed"
    assert house.refuse(going_back(2, DESK.own), a_house_call()) == "strategy_changed"


@pytest.mark.long
@pytest.mark.parametrize("what", ["key", "number", "content", "id", "nonsense"])
def test_what_is_not_signed_as_it_stands_never_decides(house, what):
    whole, tight = other(9), other(8)
    strategy_id = whole.strategy.id
    notes = {
        "key": model.signed(1, strategy_id, whole.content, model.signer(bytes(32))),
        "number": model.signed(2, strategy_id, whole.content, BY),
        "content": model.signed(1, strategy_id, tight.content, BY),
        "id": model.signed(1, tight.strategy.id, whole.content, BY),
        "nonsense": "nonsense",
    }

    refused = house.refuse(activation(1, whole, note=notes[what]), a_house_call())

    assert refused == "strategy_unsigned"
    assert queries.in_force(house.spanning) is None


def test_content_of_another_strategy_is_refused_though_it_is_signed(house):
    whole, claimed = other(9), other(8).strategy.id
    note = model.signed(1, claimed, whole.content, BY)

    command = activation(1, whole, strategy_id=claimed, note=note)

    assert house.refuse(command, a_house_call()) == "strategy_unsigned"


@pytest.mark.parametrize(
    ("old", "new"),
    [(b'"feature_set":"fs_', b'"feature_set":"fs_0'), (b'"format":2', b'"format":3')],
)
def test_what_this_software_cannot_judge_by_is_refused(house, old, new):
    whole = other(9)
    content = whole.content.replace(old, new)
    note = model.signed(1, whole.strategy.id, content, BY)

    command = activation(1, whole, content=content, note=note)

    assert house.refuse(command, a_house_call()) == "strategy_unfit"


def test_a_strategy_kept_by_an_older_engine_is_made_anew_not_gone_back_to(house):
    whole = other(9)
    content = whole.content.replace(b'"engine_version":', b'"engine_version":9')
    old_id = "str_000000000000"
    note = model.signed(1, old_id, content, BY)

    command = activation(1, whole, strategy_id=old_id, content=content, note=note)

    assert house.refuse(command, a_house_call()) == "strategy_unfit"


def test_only_the_house_changes_what_decides(house):
    with pytest.raises(Exception, match="cmd_"):
        house.run(activation(1, DESK.own), a_call())
    assert queries.in_force(house.spanning) is None


def test_an_entry_names_what_decided_before_and_holds_the_note(house):
    house.accept(activation(1, DESK.own), a_house_call())
    command = activation(2, other(9))
    house.accept(command, a_house_call())

    entry = house.entries()[-1]

    assert entry["strategy"] == other(9).strategy.id
    assert entry["fields"]["before"] == DESK.own.strategy.id
    assert entry["fields"]["note"] == command.note
    assert msgspec.json.encode(entry)
