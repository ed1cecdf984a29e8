"""Each filter of the list, the timer and the look at earlier changes read their index."""

import datetime as dt

import pytest

from service.db.places import Place
from service.rooms.assessments import queries, store
from service.rooms.assessments.contract import AssessmentQuery
from tests.support.places import create_tables, plan

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
OWNER = ("ten_1", "mer_1", "live")
SORTS = {"B-TREE", "Sort"}
INDEXES = {
    (): "ix_assessed_actions_created",
    ("status",): "ix_assessed_actions_status",
    ("event",): "ix_assessed_actions_event",
    ("payer_id",): "ix_assessed_actions_payer",
}


@pytest.fixture
def database(place: Place) -> Place:
    create_tables(place)
    return place


@pytest.mark.parametrize(("filters", "index"), INDEXES.items())
def test_each_filter_reads_its_index_in_the_lists_order(database: Place, filters, index) -> None:
    given = dict.fromkeys(filters, "held")
    bound = queries.page(AssessmentQuery(**given), owner=OWNER, last=None, now=NOW)

    told = plan(database, bound)

    assert index in told
    assert not SORTS & set(told.split())


def test_due_timers_read_their_index(database: Place) -> None:
    assert "ix_assessed_actions_timer" in plan(database, queries.DUE(now=NOW, limit=10))


def test_the_last_change_is_one_look_at_its_index(database: Place) -> None:
    tenant_id, merchant_id, mode = OWNER
    bound = store.LAST_CHANGE(
        tenant_id=tenant_id, merchant_id=merchant_id, mode=mode, payer_key="c_17"
    )

    told = plan(database, bound)

    assert "ix_assessed_actions_changed" in told
    assert not SORTS & set(told.split())
