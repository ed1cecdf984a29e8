import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from service.cli.replay.rows import open_table
from service.cli.screen import Failure

AT = dt.datetime(2018, 4, 1, 0, 0, 31, 500)  # noqa: DTZ001  as such files hold it


@pytest.fixture
def parquet_file(tmp_path: Path) -> Path:
    file = tmp_path / "rows.parquet"
    columns = {
        "id": [1, 2],
        "at": pa.array([AT, AT], pa.timestamp("ns")),
        "amount": [57.16, 0.0],
        "secret": ["a", "b"],
    }
    parquet.write_table(pa.table(columns), file)
    return file


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    file = tmp_path / "rows.csv"
    file.write_text('\ufeffid,at,amount\n1,2018-04-01,"1,5"\n2,2018-04-02\n')
    return file


def test_parquet_gives_the_wanted_columns_as_values(parquet_file: Path) -> None:
    found = list(open_table(parquet_file, ("id", "at", "amount")).rows())

    assert found[0] == {"id": 1, "at": AT, "amount": 57.16}


def test_parquet_knows_how_many_rows_it_has(parquet_file: Path) -> None:
    assert open_table(parquet_file, ("id",)).count == 2


def test_csv_gives_text_and_nothing_for_a_short_row(csv_file: Path) -> None:
    found = list(open_table(csv_file, ("id", "amount")).rows())

    assert found == [{"id": "1", "amount": "1,5"}, {"id": "2", "amount": None}]


def test_csv_counts_its_lines_without_the_head(csv_file: Path) -> None:
    assert open_table(csv_file, ("id",)).count == 2


@pytest.mark.parametrize("kind", ["csv_file", "parquet_file"])
def test_a_missing_column_is_named_with_those_there_are(
    kind: str, request: pytest.FixtureRequest
) -> None:
    file: Path = request.getfixturevalue(kind)

    with pytest.raises(Failure, match="no column payer; it has id, at, amount"):
        open_table(file, ("id", "payer"))


@pytest.mark.parametrize("name", ["nothing.csv", "nothing.parquet"])
def test_a_file_that_is_not_there_is_told(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        open_table(tmp_path / name, ("id",))


def test_what_is_no_parquet_is_told_with_how_csv_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("id\n1\n")

    with pytest.raises(Failure, match="no parquet file") as failed:
        open_table(tmp_path / "rows", ("id",))

    assert ".csv" in failed.value.then


def unreadable(file: Path) -> Failure:
    """Return what is said of a file that cannot be read, the same row by row and whole."""
    said = []
    for read in (lambda table: list(table.rows()), lambda table: table.columns()):
        with pytest.raises(Failure) as failed:
            read(open_table(file, ("id", "name")))
        said.append((failed.value.code, failed.value.what, failed.value.then))
    assert said[0] == said[1]
    return failed.value


@pytest.mark.parametrize("head", ["id,name", "id,name,名称"])
def test_csv_in_another_encoding_is_told_with_how_it_is_saved(head: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    # Enough rows that the bad one is not in the first block that is read.
    lines = [head, *(9_000 * ["1,a"]), "2,商店"]
    file.write_bytes("\n".join(lines).encode("gbk"))

    found = unreadable(file)

    assert found.code == "file_unreadable"
    assert "UTF-8" in found.then


def test_csv_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text('id,name\n1,"' + "x" * 200_000)

    assert unreadable(file).code == "file_unreadable"


def test_a_damaged_page_of_parquet_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    columns = {"id": list(range(50_000)), "name": [f"name {one}" for one in range(50_000)]}
    parquet.write_table(pa.table(columns), file)
    content = bytearray(file.read_bytes())
    content[1_000:100_000] = bytes(99_000)
    file.write_bytes(content)

    assert unreadable(file).code == "file_unreadable"
