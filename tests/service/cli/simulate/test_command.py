from pathlib import Path

import pytest

from tests.support.terminal import Terminal

SMALL = ("--days", 5, "--payers", 40, "--fraud", 100)


def test_a_world_is_written_and_told(fresh: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "world.csv"

    written = fresh.json("simulate", *SMALL, "--out", out)

    assert written["payments"] == len(out.read_text().splitlines()) - 1
    assert sum(written["by_scenario"].values()) == written["payments"]
    assert written["by_scenario"]["card_testing"] > 0
    assert written["labelled"]["unauthorized"] > 0


def test_the_same_seed_writes_the_same_bytes(fresh: Terminal, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.csv" for name in ("one", "same", "other")}

    for name, seed in (("one", 5), ("same", 5), ("other", 6)):
        fresh.json("simulate", *SMALL, "--seed", seed, "--out", files[name])

    assert files["one"].read_bytes() == files["same"].read_bytes()
    assert files["one"].read_bytes() != files["other"].read_bytes()


def test_people_are_told_how_to_read_it(fresh: Terminal, tmp_path: Path) -> None:
    said = fresh("simulate", *SMALL, "--out", tmp_path / "world.csv")

    assert "--map simulated" in said.stdout


@pytest.mark.parametrize("name", ["world.json", "world"])
def test_another_format_is_refused_before_anything_is_made(
    fresh: Terminal, tmp_path: Path, name: str
) -> None:
    result = fresh("simulate", *SMALL, "--out", tmp_path / name)

    assert result.exit_code == 2
    assert "world.csv" in result.stderr
    assert not (tmp_path / name).exists()


def test_a_file_that_is_there_is_left_alone(fresh: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "precious.csv"
    out.write_text("precious")

    result = fresh("simulate", *SMALL, "--out", out)

    assert result.exit_code == 2
    assert out.read_text() == "precious"


@pytest.mark.parametrize("start", ["0001-01-01", "1999-12-31", "2100-01-02", "9999-12-31"])
def test_a_first_day_out_of_all_time_is_refused(
    fresh: Terminal, tmp_path: Path, start: str
) -> None:
    result = fresh("simulate", *SMALL, "--start", start, "--out", tmp_path / "world.csv")

    assert result.exit_code == 2
    assert "2000-01-01 to 2100-01-01" in result.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("start", ["2000-01-01", "2100-01-01"])
def test_the_first_and_the_last_day_that_are_taken_make_a_world(
    fresh: Terminal, tmp_path: Path, start: str
) -> None:
    written = fresh.json("simulate", *SMALL, "--start", start, "--out", tmp_path / "world.csv")

    assert written["payments"] > 0
