"""What candidates of `bench.settings` are told differs from what the product does."""

import os
import subprocess
import sys

import pytest

from tests.support.servers import ROOT

# As a process of the product: its own settings come first.
STARTED = """
import gc
own = gc.isenabled(), gc.get_threshold()
from bench import tuned
from service.kernel.memory import settle
settle()
product = gc.isenabled(), gc.get_threshold()
tuned.tune()
found = gc.isenabled(), gc.get_threshold()
print(found == own, found == product, gc.get_freeze_count() > 0)
"""


def tuned(told):
    environment = {**os.environ, **({} if told is None else {"BENCH_GC": told})}
    return subprocess.run(
        [sys.executable, "-c", STARTED],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("told", "is_pythons", "is_products", "is_frozen"),
    [(None, False, True, True), ("python", True, False, False), ("off", False, False, True)],
)
def test_each_collects_garbage_as_it_is_told(told, is_pythons, is_products, is_frozen):
    found = tuned(told)

    assert found.stdout == f"{is_pythons} {is_products} {is_frozen}\n"


@pytest.mark.long
def test_a_word_that_means_nothing_ends_it():
    assert "BENCH_GC=freeze" in tuned("freeze").stderr
