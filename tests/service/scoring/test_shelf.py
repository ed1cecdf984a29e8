"""Which models are at hand: the newest, and always the one that judges."""

import pytest

from risk.feature import load_features
from risk.models.arrays import Mapped, map_model, write
from risk.models.model import read_model
from service.scoring.asked import NotLoaded
from service.scoring.shelf import MAPPED_MAX, Shelf
from tests.support.scored import a_model


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Mapped:
    return map_model(
        write(tmp_path_factory.mktemp("models"), read_model(a_model(), load_features()))
    )


def test_the_one_that_was_put_longest_ago_goes(mapped: Mapped) -> None:
    shelf = Shelf()
    for number in range(MAPPED_MAX + 1):
        shelf.put(str(number), mapped)

    assert shelf.mapped("0") is None
    assert shelf.why_not("0") == "model_missing"
    assert all(shelf.mapped(str(number)) for number in range(1, MAPPED_MAX + 1))


def test_the_one_in_force_stays_whatever_is_tried_beside_it(mapped: Mapped) -> None:
    shelf = Shelf()
    shelf.put("in force", mapped, in_force="in force")
    for number in range(3 * MAPPED_MAX):
        shelf.put(str(number), mapped, in_force="in force")

    assert shelf.why_not("in force") is None
    assert sum(shelf.mapped(str(number)) is not None for number in range(99)) == MAPPED_MAX - 1


def test_a_model_that_is_mapped_stays_when_it_is_refused_later(mapped: Mapped) -> None:
    shelf = Shelf()
    shelf.refuse("one", NotLoaded("check_late", "slow"))
    assert shelf.why_not("one") == "check_late"

    shelf.put("one", mapped)
    shelf.refuse("one", NotLoaded("check_late", "slow"))

    assert shelf.why_not("one") is None
