import stat
from pathlib import Path

import pytest

from service.cli.screen import Failure
from service.cli.secret_files import kept


def test_the_file_is_its_owners_alone_and_there_before_the_secret_is_used(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with kept(path, "s3cret", code="unusable"):
        assert path.read_text() == "s3cret\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    assert path.exists()


def test_what_comes_to_nothing_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with pytest.raises(KeyError), kept(path, "s3cret", code="unusable"):
        raise KeyError

    assert not path.exists()


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("other")

    with pytest.raises(Failure), kept(path, "s3cret", code="unusable"):
        raise AssertionError("nothing may be done")

    assert path.read_text() == "other"
