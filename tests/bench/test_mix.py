import itertools
from collections import Counter

from bench.mix import KINDS, requests


def senders(kind, *, key="a,b,c,d"):
    sent = requests(KINDS[kind], key=key, tag="t", seed=1)
    heads = (one.partition(b"Bearer ")[2].partition(b"\r")[0] for one in sent)
    return Counter(itertools.islice(heads, 4_000))


def test_one_merchant_sends_three_in_ten():
    found = senders("hot_merchant")

    assert 0.27 < found[b"a"] / found.total() < 0.33
    assert set(found) == {b"a", b"b", b"c", b"d"}


def test_else_all_send_alike():
    found = senders("uniform")

    assert max(found.values()) < 1.2 * min(found.values())
    assert senders("uniform", key="only") == {b"only": 4_000}
