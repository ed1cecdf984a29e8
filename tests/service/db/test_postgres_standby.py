"""A commit that the synchronous standby has not confirmed is nobody's to acknowledge."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.db.postgres import COMMIT_WAIT_S, PostgresStore
from service.db.store import CommitUnknown, Transaction
from tests.support.jars import ADD_COINS, JAR
from tests.support.places import with_jars
from tests.support.postgres import Cluster
from tests.support.writer import until


@pytest.fixture(scope="module")
def alone() -> Iterator[Cluster]:
    """A server whose settings concern no other test."""
    with Cluster(fsync=False) as running:
        yield running


@pytest.fixture
def store(alone: Cluster) -> Iterator[PostgresStore]:
    store = PostgresStore(with_jars(alone).writer)
    yield store
    store.close()


def filled(store: PostgresStore) -> Transaction:
    """Return a transaction with everything done but its commit."""
    transaction = store.begin()
    transaction.run([ADD_COINS(tenant_id="t", jar="a", coins=1)])
    return transaction


def test_a_wait_for_the_standby_that_is_cancelled_leaves_the_commit_unknown(
    alone: Cluster, store: PostgresStore
) -> None:
    transaction = filled(store)

    with alone.bound_to_standby(), ThreadPoolExecutor(1) as pool:
        committing = pool.submit(transaction.commit)
        until(lambda: len(alone.waiting_for_standby()) == 1)
        is_over_before = committing.done()
        [session] = alone.waiting_for_standby()
        alone.cancel(session)
        with pytest.raises(CommitUnknown, match="with warning"):
            committing.result()

    assert not is_over_before
    # This server has it, and a standby may not.
    assert store.fetch([JAR(tenant_id="t", jar="a")])[0][0]["coins"] == 1


@pytest.mark.longest
def test_a_standby_that_never_confirms_leaves_the_commit_unknown(
    alone: Cluster, store: PostgresStore
) -> None:
    transaction = filled(store)

    with alone.bound_to_standby():
        began = time.monotonic()
        with pytest.raises(CommitUnknown):
            transaction.commit()
        took_s = time.monotonic() - began

    # The server limits statements and not the wait after them: it is ours that ended.
    assert took_s >= COMMIT_WAIT_S
