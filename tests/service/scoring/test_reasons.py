"""Models that a front end maps for reasons, shared by its threads."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from risk.feature import load_features
from risk.models.arrays import write
from risk.models.model import read_model
from service.scoring.reasons import MAPPED_MAX, Reasons
from tests.support.scored import a_model

THREADS = 8
ROUNDS = 100


@pytest.fixture
def eager() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    folder = tmp_path_factory.mktemp("models")
    found = []
    for seed in range(MAPPED_MAX + 2):
        model = read_model(a_model(seed), load_features())
        write(folder, model)
        found.append(model.id)
    return folder, found


@pytest.mark.usefixtures("eager")
def test_threads_share_models_beyond_what_is_kept(models: tuple[Path, list[str]]) -> None:
    folder, ids = models
    reasons = Reasons(folder, monotonic_ns=lambda: 0)
    wrong: list[BaseException | str] = []

    def run(first: int) -> None:
        try:
            for number in range(first, first + ROUNDS):
                wanted = ids[number % len(ids)]
                mapped = reasons.mapped(wanted)
                if mapped is None or mapped.id != wanted:
                    wrong.append(wanted)
        except BaseException as error:  # noqa: BLE001  a thread's own end would go unseen
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert wrong == []


def test_what_is_missing_is_not_looked_for_again_at_once(models: tuple[Path, list[str]]) -> None:
    folder, ids = models
    now_ns = 0
    reasons = Reasons(folder / "none", monotonic_ns=lambda: now_ns)

    assert reasons.mapped(ids[0]) is None
    (folder / "none").symlink_to(folder)
    assert reasons.mapped(ids[0]) is None
    now_ns = 10**10
    assert reasons.mapped(ids[0]) is not None
