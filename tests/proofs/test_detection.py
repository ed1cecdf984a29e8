"""What the trainer reaches on the handbook's transactions, by the protocols that ship."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.cli.evaluate.protocol import SHIPPED, read_protocol
from tests.support.terminal import Terminal

pytestmark = pytest.mark.long

PROTOCOLS = Path(__file__).parents[2] / "service" / "cli" / "evaluate" / "protocols"


def measured(name: str, folds: int, material: Path, folder: Path) -> dict[str, Any]:
    """Return what a protocol finds in the first so many of its folds."""
    text = (PROTOCOLS / f"{name}.toml").read_text()
    days = [str(one) for one in read_protocol(name).test_from]
    assert len(days) == 4
    file = folder / f"{name}.toml"
    file.write_text(text.replace(", ".join(days), ", ".join(days[:folds])))
    return Terminal(folder / "home").json("evaluate", file, "--data", material)


def test_the_trainer_finds_what_the_book_found(
    material: Path, sized: Callable[..., int], tmp_path: Path
) -> None:
    found = measured("handbook_book_features", sized(quick=1, ci=1, full=4), material, tmp_path)

    # The split of the handbook's own third chapter.
    first = found["folds"][0]
    assert (first["learnt_from"], first["frauds_learnt"]) == (67_240, 598)
    assert (first["rows"], first["frauds"]) == (58_264, 385)
    assert found["means"]["average_precision"]["value"] > 0.68
    assert found["calibration"]["ece"] < 0.002
    if len(found["folds"]) == 4:
        assert all(one["is_met"] for one in found["goals"]), found["goals"]


@pytest.mark.parametrize("name", [one for one in SHIPPED if one != "handbook_book_features"])
def test_every_goal_of_a_protocol_is_met(
    name: str, profile: str, material: Path, tmp_path: Path
) -> None:
    # Two of them take half an hour: the full profile measures, ci holds them to be sound.
    if profile == "full":
        found = measured(name, 4, material, tmp_path)

        assert all(one["is_met"] for one in found["goals"]), found["goals"]
    else:
        assert read_protocol(name).goals["average_precision"] >= 0.74
