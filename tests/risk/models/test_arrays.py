"""Arrays in a file: what is mapped scores and explains as the model does, and is checked first."""

import stat

import numpy as np
import pytest

from risk.models.arrays import find, map_model, write
from risk.models.manifest import NotAModel
from risk.models.model import make_scorer, open_model
from tests.support.models import grow


@pytest.fixture
def written(file, tmp_path):
    return write(tmp_path, open_model(file))


def test_a_mapped_model_scores_and_explains_as_the_model_itself(file, written) -> None:
    model = open_model(file)

    mapped = map_model(written)

    own = make_scorer(model)
    assert mapped.id == model.id
    assert mapped.manifest == model.manifest
    assert list(mapped.explainers) == ["unauthorized", "scam"]
    for row in model.rows:
        assert mapped.scorer.score(row) == own.score(row)
        for head, margin in own.margins(row).items():
            found = mapped.explain(head, row)
            assert found.bias + found.contributions.sum() == pytest.approx(margin, abs=1e-5)


def test_a_deep_head_is_explained_from_its_trees(make, tmp_path) -> None:
    model = open_model(make(8, scam=grow(8, trees=5, depth=10)))

    mapped = map_model(write(tmp_path, model))

    row = model.rows[0]
    found = mapped.explain("scam", row)
    margin = mapped.scorer.margins(row)["scam"]
    assert found.bias + found.contributions.sum() == pytest.approx(margin, abs=1e-5)


def test_a_file_is_named_by_its_model_and_its_bytes_and_is_its_owners_to_read(
    file, written, tmp_path
) -> None:
    assert stat.S_IMODE(written.stat().st_mode) == 0o400
    assert written.name.startswith(open_model(file).id.removeprefix("sha256:"))
    assert list(tmp_path.iterdir()) == [written]


def test_a_model_is_written_once(file, written, tmp_path) -> None:
    before = written.stat()

    again = write(tmp_path, open_model(file))

    assert again == written
    assert again.stat().st_ino == before.st_ino


def test_a_damaged_file_is_not_mapped_and_is_written_anew(file, written, tmp_path) -> None:
    damaged = bytearray(written.read_bytes())
    damaged[-100] ^= 1
    written.unlink()
    written.write_bytes(damaged)

    with pytest.raises(NotAModel, match="not what its name says"):
        map_model(written)
    assert map_model(write(tmp_path, open_model(file))).id == open_model(file).id


@pytest.mark.parametrize("size", [0, 15, 16, 1_000])
def test_a_short_file_is_not_mapped(written, size) -> None:
    short = written.read_bytes()[:size]
    written.unlink()
    written.write_bytes(short)

    with pytest.raises(NotAModel):
        map_model(written)


def test_a_file_under_the_name_of_another_model_is_not_mapped(written) -> None:
    other = written.with_name("0" * 64 + written.name[64:])
    written.rename(other)

    with pytest.raises(NotAModel, match="of another model"):
        map_model(other)


def test_a_link_is_not_followed(written, tmp_path) -> None:
    link = tmp_path / "elsewhere"
    link.mkdir()
    (link / written.name).symlink_to(written)

    with pytest.raises(OSError, match="symbolic links"):
        map_model(link / written.name)


def test_arrays_are_found_by_the_models_id(file, written, tmp_path) -> None:
    assert find(tmp_path, open_model(file).id) == written
    assert find(tmp_path, "sha256:" + "1" * 64) is None


def test_mapped_arrays_cannot_be_written(written) -> None:
    mapped = map_model(written)

    with pytest.raises(ValueError, match="read-only"):
        mapped.scorer._walk.value[0] = np.float32(1)


def test_what_cannot_be_put_in_its_place_leaves_nothing(file, written, tmp_path) -> None:
    written.unlink()
    written.mkdir()

    with pytest.raises(OSError, match="directory"):
        write(tmp_path, open_model(file))

    assert list(tmp_path.iterdir()) == [written]


def test_arrays_that_are_too_large_are_refused(file, tmp_path) -> None:
    with pytest.raises(NotAModel, match="at most 1000 bytes"):
        write(tmp_path, open_model(file), bytes_max=1_000)
