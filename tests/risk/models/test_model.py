"""A model's file: what goes in comes out, and what does not fit is refused."""

import hashlib

import msgspec
import numpy as np
import pytest

from risk.models.booster import rewritten
from risk.models.container import MANIFEST, MARGINS, ROWS, TREES, float_bytes, pack, unpack
from risk.models.manifest import (
    NotAModel,
    model_id,
    read_manifest,
    text_to_sign,
    write_manifest,
)
from risk.models.model import make_model, open_model, read_model
from risk.offline.check import check_model, main, margins
from tests.support.models import about_of, grow, head_of

change = msgspec.structs.replace


def parts_of(file: bytes) -> dict[str, bytes]:
    """Return a file's parts by name, its manifest as it stands there."""
    found = unpack(file)
    parts = {TREES[name]: booster for name, booster in found.boosters.items()}
    parts |= {ROWS: float_bytes(found.rows), MARGINS: float_bytes(found.margins)}
    return parts | {MANIFEST: write_manifest(found.manifest)}


def changed(file: bytes, **given: object) -> bytes:
    """Return the file with another manifest, all of its parts as before."""
    manifest = change(unpack(file).manifest, **given)
    return pack(parts_of(file) | {MANIFEST: write_manifest(manifest)})


def test_a_file_gives_back_what_was_packed_and_has_one_form(file, features, grown) -> None:
    model = read_model(file, features)

    assert pack(parts_of(file)) == file
    assert list(model.trees) == ["unauthorized", "scam"]
    assert unpack(file).boosters["unauthorized"] == grown.booster
    assert model.rows.shape == (256, 8)
    assert np.isnan(model.rows).any()
    assert model.manifest.heads["scam"].calibration.a == 1.1


def test_a_model_is_named_by_its_manifest(file) -> None:
    manifest = parts_of(file)[MANIFEST]

    found = open_model(file).id

    assert found == model_id(manifest) == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    assert text_to_sign(found) == f"payguard model\n{found}\n"


def test_xgboost_confirms_a_sound_file(file, features) -> None:
    assert check_model(file, features).id == open_model(file).id


def test_a_file_is_checked_from_the_command_line(file, tmp_path, capsys) -> None:
    (tmp_path / "good").write_bytes(file)
    (tmp_path / "bad").write_bytes(file[:-1])

    assert main([str(tmp_path / "good")]) == 0
    assert main([str(tmp_path / "bad")]) == 1
    assert capsys.readouterr().out == f"{open_model(file).id}\n"


def test_xgboost_is_given_a_booster_as_it_was_read(grown) -> None:
    names = tuple(f"f{place}" for place in range(8))
    padded = grown.booster.replace(b'{"learner":', b'  {  "version" : [1,0,0] , "learner":', 1)

    found = rewritten(padded, names)

    assert b"[1,0,0]" not in found
    assert margins(found, grown.rows).tobytes() == margins(grown.booster, grown.rows).tobytes()


def test_another_feature_set_or_input_is_refused(file, features) -> None:
    with pytest.raises(NotAModel, match="is for feature set fs_other"):
        read_model(changed(file, feature_set="fs_other"), features)
    names = ("payer_id", *unpack(file).manifest.inputs[1:])
    with pytest.raises(NotAModel, match="no model reads payer_id"):
        read_model(changed(file, inputs=names), features)


@pytest.mark.parametrize("format_", [0, 2])
def test_another_format_is_refused_whatever_else_stands_there(file, format_) -> None:
    older = parts_of(file)[MANIFEST].replace(b'"format":1', b'"format":%d' % format_)

    with pytest.raises(NotAModel, match=f"has format {format_}, not 1"):
        read_manifest(older)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"format":1', b'"format":1,"format":1'),
        (b'"format":1', b'"format": 1'),
        (b'"origin":"trained"', b'"origin":"guessed"'),
        (b'"name":"small"', b'"name":"small","extra":1'),
        (b'"a":1.1', b'"a":-1.1'),
        (b'"a":1.1', b'"a":1e999'),
        (b'"rows":4000', b'"rows":-1'),
        (b'"scam":0.001', b'"scam":0.999'),
        (b'"first_party":0.001,', b""),
        (b'"until":"2026-11-01', b'"until":"2026-10-01'),
    ],
)
def test_a_manifest_that_says_what_none_says_is_refused(file, old, new) -> None:
    content = parts_of(file)[MANIFEST]
    assert old in content

    with pytest.raises(NotAModel):
        read_manifest(content.replace(old, new, 1))


def test_golden_margins_that_are_not_the_trees_own_are_refused(file) -> None:
    parts = parts_of(file)
    margins = unpack(file).margins.copy()
    margins[1, 255] = np.nextafter(margins[1, 255], np.float32(9))
    parts[MARGINS] = float_bytes(margins)
    golden = change(
        unpack(file).manifest.golden, margins_sha256=hashlib.sha256(parts[MARGINS]).hexdigest()
    )
    parts[MANIFEST] = write_manifest(change(unpack(file).manifest, golden=golden))

    with pytest.raises(NotAModel, match="do not give the margins"):
        open_model(pack(parts))


def test_a_head_whose_margins_are_not_xgboosts_is_not_packed(features, grown) -> None:
    names = tuple(features.names[:8])
    golden = grown.rows[:256]
    head = head_of(grown, golden)._replace(golden=head_of(grow(8, 3, 2), golden).golden)

    with pytest.raises(NotAModel, match="does not give XGBoost's margins"):
        make_model(about_of(features, names, ["scam"]), {"scam": head}, golden)


def test_golden_rows_have_missing_values(features, grown) -> None:
    names = tuple(features.names[:8])
    golden = np.nan_to_num(grown.rows[:256])

    with pytest.raises(NotAModel, match="golden rows with missing values"):
        make_model(about_of(features, names, ["scam"]), {"scam": head_of(grown, golden)}, golden)


def test_a_manifest_that_says_nothing_of_typical_values_is_what_it_was(file) -> None:
    silent = write_manifest(change(unpack(file).manifest, typical=()))

    assert b"typical" not in silent
    assert read_manifest(silent).typical == ()


def test_every_input_has_its_typical_value_or_none_has(file) -> None:
    manifest = unpack(file).manifest

    assert len(manifest.typical) == len(manifest.inputs)
    with pytest.raises(NotAModel, match="typical"):
        write_manifest(change(manifest, typical=manifest.typical[1:]))
