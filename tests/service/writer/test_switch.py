"""The writer judges by what was put in force: after a commit, after a start, or not at all."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from keys import entropy
from risk.strategy import ENGINE_VERSION, load_strategy
from service.db.places import Database, Place
from service.db.stores import open_spanning_reader, open_store
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.rooms.strategies import model, queries
from service.rooms.strategies.contract import GoBack
from service.rooms.strategies.model import StrategyRefused
from service.rooms.strategies.tables import STRATEGIES
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work.commands import Reply
from service.unit_of_work.run import WriterStops
from service.writer.assemble import Writer
from service.writer.main import open_writer
from service.writer.switch import Switch, Tickets
from tests.service.rooms.strategies.test_commands import activation, going_back, other
from tests.support.places import change, create_tables, rows_of
from tests.support.writer import Noted

LOG = logger(stream=sys.stderr.buffer, clock=SystemClock(), level=logging.ERROR, process="test")
OWN = load_strategy().id
TICKET = Tickets(SystemClock(), entropy.system)


@contextmanager
def writer(place: Place, folder: Path) -> Iterator[Writer]:
    """A writer over the store, which is taken over from whoever had it."""
    store = open_store(place)
    try:
        settings = Settings(data_dir=folder)
        if isinstance(place, Database):
            # What the writer has its models read by.
            settings = msgspec.structs.replace(
                settings,
                database_url=place.writer,
                reader_url=place.reader or None,
                owner_url=place.owner or None,
            )
        made = open_writer(settings, store, registry=CollectorRegistry(), log=LOG)
        yield made
        if made.scoring is not None:
            made.scoring.stop()
    finally:
        store.close()


@pytest.fixture
def folder(place: Place, tmp_path: Path) -> Path:
    create_tables(place)
    return tmp_path


def signing(folder: Path) -> model.Signer:
    return model.signer(open_secrets(folder / "root.key", entropy.system).strategy)


def run(writer: Writer, command) -> Reply:
    [reply] = writer.work.run_batch([TICKET(command)])
    assert isinstance(reply, Reply)
    assert reply.kind == "accepted", reply
    return reply


def signed(command, content: bytes, folder: Path):
    note = model.signed(command.number, command.strategy_id, content, signing(folder))
    return type(command)(
        **{**{name: getattr(command, name) for name in command.__struct_fields__}, "note": note}
    )


def activate(writer: Writer, folder: Path, number: int, at_least: int) -> str:
    whole = other(at_least)
    run(writer, signed(activation(number, whole), whole.content, folder))
    return whole.strategy.id


def decides(writer: Writer) -> str:
    """Return the id of the strategy that the handlers of payments judge by."""
    handler = writer.handlers.named("CreatePayment")
    judge = handler.run.args[0]
    return judge.strategy.id


def test_a_new_store_gets_the_strategy_that_comes_with_the_software(place, folder):
    with writer(place, folder) as one:
        assert decides(one) == OWN
    [row] = rows_of(place, STRATEGIES)
    assert (row["number"], row["strategy_id"], row["origin"]) == (1, OWN, "packaged")
    with writer(place, folder):
        assert len(rows_of(place, STRATEGIES)) == 1


@pytest.mark.long
def test_another_one_decides_from_its_commit_on_and_after_a_start(place, folder):
    with writer(place, folder) as one:
        tight = activate(one, folder, 2, 20)
        assert decides(one) == tight
        tighter = activate(one, folder, 3, 10)
        assert decides(one) == tighter
    with writer(place, folder) as again:
        assert decides(again) == tighter
        whole = other(20)
        run(again, signed(going_back(4, whole), whole.content, folder))
        assert decides(again) == tight
    with writer(place, folder) as again:
        assert decides(again) == tight


@pytest.mark.long
@pytest.mark.parametrize(
    "change_to",
    [
        "note = replace(note, 'payguard', 'payg')",
        "strategy_id = 'str_000000000000'",
        "number = 9",
    ],
)
def test_what_was_changed_in_the_store_is_judged_by_nobody(place, folder, change_to):
    with writer(place, folder) as one:
        activate(one, folder, 2, 20)
    change(place, f"UPDATE strategies SET {change_to} WHERE number = 2")  # noqa: S608  one of the three texts above

    with pytest.raises(StrategyRefused, match="str_"), writer(place, folder):
        pass


def test_content_that_was_changed_is_judged_by_nobody(place, folder):
    with writer(place, folder) as one:
        activate(one, folder, 2, 20)
    change(
        place,
        "UPDATE strategies SET content = :content WHERE number = 2",
        content=other(5).content,
    )

    with pytest.raises(StrategyRefused, match="not what was signed"), writer(place, folder):
        pass


@pytest.mark.long
def test_a_strategy_brought_by_hand_gives_way_to_the_softwares_own_if_it_no_longer_fits(
    place, folder
):
    with writer(place, folder) as one:
        whole = other(20)
        activate(one, folder, 2, 20)
    content = whole.content.replace(b'"feature_set":"fs_', b'"feature_set":"fs_0')
    rewritten(place, folder, whole.strategy.id, content)

    with writer(place, folder) as again:
        assert decides(again) == OWN
    newest = queries.in_force(open_spanning_reader(place))
    assert (newest["number"], newest["origin"], newest["how"]) == (3, "packaged", "start")
    with writer(place, folder):
        assert queries.in_force(open_spanning_reader(place)) == newest


def test_a_strategy_brought_by_hand_gets_a_new_id_under_code_that_decides_otherwise(place, folder):
    with writer(place, folder) as one:
        whole = other(20)
        activate(one, folder, 2, 20)
    now = f'"engine_version":{ENGINE_VERSION}'.encode()
    rewritten(place, folder, "str_0000000000aa", whole.content.replace(now, b'"engine_version":1'))

    with writer(place, folder) as again:
        assert decides(again) == whole.strategy.id
    newest = queries.in_force(open_spanning_reader(place))
    assert (newest["number"], newest["origin"]) == (3, "hand")
    assert newest["strategy_id"] == whole.strategy.id


@pytest.mark.long
def test_going_back_works_after_an_upgrade_of_the_code(place, folder):
    older, newer = other(20), other(21)
    with writer(place, folder) as one:
        activate(one, folder, 2, 20)
        activate(one, folder, 3, 21)
    now = f'"engine_version":{ENGINE_VERSION}'.encode()
    for number, whole in ((2, older), (3, newer)):
        old = whole.content.replace(now, b'"engine_version":1')
        rewritten(place, folder, f"str_00000000000{number}", old, number=number)

    with writer(place, folder) as again:
        # Its start put the newest in force under the id that the code gives it now.
        assert decides(again) == newer.strategy.id
        note = model.signed(5, older.strategy.id, older.content, signing(folder))
        run(again, GoBack(number=5, strategy_id=older.strategy.id, note=note))
        assert decides(again) == older.strategy.id


@pytest.mark.long
@pytest.mark.parametrize(("number", "origin"), [(2, "packaged"), (1, "hand")])
def test_where_a_strategy_comes_from_is_signed_with_it(place, folder, number, origin):
    with writer(place, folder) as one:
        if number == 2:
            activate(one, folder, 2, 20)
    change(place, f"UPDATE strategies SET origin = '{origin}' WHERE number = {number}")  # noqa: S608  our own words

    with pytest.raises(StrategyRefused, match="not what was signed"), writer(place, folder):
        pass


def test_the_softwares_own_of_before_gives_way_to_that_of_now(place, folder):
    with writer(place, folder):
        pass
    older = other(25)
    rewritten(place, folder, older.strategy.id, older.content, number=1)

    with writer(place, folder) as again:
        assert decides(again) == OWN
    assert queries.in_force(open_spanning_reader(place))["number"] == 2


def test_a_switch_that_cannot_be_read_back_ends_the_writer(place, folder):
    # Signed under the same key, but by a store that gives back something else than was written.
    with writer(place, folder) as one:
        change(place, "DELETE FROM strategies")
        whole = other(20)
        command = signed(activation(1, whole), whole.content, folder)
        original = one.work._ports.store.fetch
        one.work._ports.observer._store = Forgetful(original)
        with pytest.raises(WriterStops, match="read back"):
            one.work.run_batch([TICKET(command)])


def test_what_it_does_not_switch_by_it_passes_on():
    noted = Noted()
    switch = Switch(None, None, None, None, None, to=noted)

    switch.unavailable(commands=3, reason="database is locked")
    switch.faulted(fault_id="cmd_1", command="Drop", cause="KeyError")

    assert noted.untaken == [(3, "database is locked")]
    assert noted.faults == [("cmd_1", "Drop", "KeyError")]


class Forgetful:
    """A store that finds a row whose signature does not hold."""

    def __init__(self, fetch) -> None:
        self._fetch = fetch

    def fetch(self, reads):
        [[row]] = self._fetch(reads)
        return [[{**row, "note": "nonsense"}]]


def rewritten(
    place: Place, folder: Path, strategy_id: str, content: bytes, *, number: int = 2
) -> None:
    """Put a row in the place of one, as another version of the software would have signed it."""
    change(
        place,
        "UPDATE strategies SET strategy_id = :strategy_id, content = :content, note = :note"
        " WHERE number = :number",
        strategy_id=strategy_id,
        content=content,
        # The first is the software's own.
        note=model.signed(
            *(number, strategy_id, content, signing(folder)),
            origin="packaged" if number == 1 else "hand",
        ),
        number=number,
    )
