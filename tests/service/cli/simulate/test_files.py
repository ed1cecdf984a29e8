import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from risk.simulation.shapes import Paid, Told, read_world
from risk.simulation.stream import Plan, simulate
from service.cli.replay.columns import Request, load_map
from service.cli.replay.rows import open_table
from service.cli.screen import Failure
from service.cli.simulate.files import write_world


@pytest.fixture(scope="module")
def events() -> list[Paid | Told]:
    plan = Plan(seed=4, start=dt.date(2026, 1, 5), days=6, payers=50, fraud=20.0)
    return list(simulate(read_world(), plan))


def read(path: Path) -> list[Request]:
    columns = load_map("simulated")
    table = open_table(path, columns.columns, columns.label_columns)
    return [columns.labelled(columns.request(row, now=None), row) for row in table.rows()]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_what_is_read_back_is_what_happened(
    events: list[Paid | Told], tmp_path: Path, ending: str
) -> None:
    out = tmp_path / f"world.{ending}"

    write_world(events, out)

    found = read(out)
    assert [one.body for one in found] == [one.body for one in events if isinstance(one, Paid)]
    labels = {
        one.label.reference: (
            one.label.told["intent"],
            one.label.told["source"],
            one.label.known_at,
        )
        for one in found
        if one.label is not None
    }
    assert labels == {
        one.reference: (one.intent, one.source, one.at) for one in events if isinstance(one, Told)
    }


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt(), OverflowError()])
def test_of_a_world_that_broke_off_no_file_is_left(
    events: list[Paid | Told], tmp_path: Path, ending: str, error: BaseException
) -> None:
    def broken() -> Iterator[Paid | Told]:
        yield from events[:10]
        raise error

    out = tmp_path / f"world.{ending}"
    with pytest.raises(Failure if isinstance(error, OSError) else type(error)):
        write_world(broken(), out)

    assert not out.exists()


def test_the_truth_is_in_the_file_and_not_in_what_is_sent(
    events: list[Paid | Told], tmp_path: Path
) -> None:
    out = tmp_path / "world.csv"

    write_world(events, out)

    columns = load_map("simulated")
    assert "scenario" in out.read_text().splitlines()[0].split(",")
    assert not {"scenario", "level"} & {*columns.columns, *columns.label_columns}
