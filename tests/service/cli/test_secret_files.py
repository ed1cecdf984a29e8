import stat
from pathlib import Path

import pytest

from service.cli.screen import INTERRUPTED, NO_ANSWER, Failure
from service.cli.secret_files import kept


def test_the_file_is_its_owners_alone_and_there_before_the_secret_is_used(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with kept(path, "s3cret", code="unusable"):
        assert path.read_text() == "s3cret\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    assert path.exists()


def test_what_comes_to_nothing_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with pytest.raises(Failure, match="no"), kept(path, "s3cret", code="unusable"):
        raise Failure("refused", "no", then="give up")

    assert not path.exists()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Failure("result_unknown", "it may be", then="look", status=NO_ANSWER), NO_ANSWER),
        (KeyboardInterrupt(), INTERRUPTED),
    ],
)
def test_a_secret_that_may_be_in_use_stays_and_is_told(
    tmp_path: Path, error: BaseException, status: int
) -> None:
    path = tmp_path / "secret"

    with pytest.raises(Failure) as told, kept(path, "s3cret", code="unusable"):
        raise error

    assert path.read_text() == "s3cret\n"
    assert (told.value.code, told.value.status) == ("result_unknown", status)
    assert str(path) in told.value.what


def test_a_fault_of_ours_takes_no_secret_along(tmp_path: Path) -> None:
    path = tmp_path / "secret"

    with pytest.raises(KeyError), kept(path, "s3cret", code="unusable"):
        raise KeyError

    assert path.exists()


def test_a_file_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("other")

    with pytest.raises(Failure), kept(path, "s3cret", code="unusable"):
        raise AssertionError("nothing may be done")

    assert path.read_text() == "other"
