"""What a payment's look-up costs does not grow with its merchant's lists."""

import contextlib
import sqlite3
from pathlib import Path

from service.db.sqlite import dialect
from service.db.statements import Compiled
from service.rooms.lists import store
from service.rooms.lists.public import hits_read
from tests.service.rooms.lists.conftest import Lists
from tests.service.rooms.lists.test_public import PLAIN


def test_a_payment_is_looked_up_in_the_index_of_its_keys(tmp_path: Path) -> None:
    lists = Lists(tmp_path / "payguard.sqlite")
    read = Compiled(store.MATCHES, dialect())
    values = read.parameters(hits_read(lists.call, PLAIN).values)

    with contextlib.closing(sqlite3.connect(tmp_path / "payguard.sqlite")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {read.text}", values).fetchall()

    [(*_, step)] = plan
    assert "INDEX ix_list_entries_match" in step
    assert "match_key=?" in step
    lists.house.close()
