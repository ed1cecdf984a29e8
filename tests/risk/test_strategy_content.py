"""A strategy as one whole: read back as it was written, and refused where it does not fit."""

from pathlib import Path

import msgspec
import pytest

from risk.feature import load_features, make_feature_set
from risk.strategy import ENGINE_VERSION, load_strategy
from risk.strategy_content import (
    FORMAT,
    NotAStrategy,
    WrongFeatures,
    from_content,
    from_files,
    packaged,
    packaged_files,
    read_content,
)

FEATURES = load_features()
FILES = packaged_files()
GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_packaged_files_are_the_strategy_that_is_loaded():
    assert packaged().strategy.id == load_strategy().id
    assert from_files(FILES, FEATURES) == packaged()


def test_kept_bytes_are_the_same_strategy_and_the_same_bytes():
    whole = packaged()

    assert from_content(whole.content, FEATURES) == whole


def test_what_officers_say_is_kept_and_is_not_in_the_id():
    said = FILES["strategy.toml"].replace(b'"payguard"', b'"autumn"')

    whole = from_files({**FILES, "strategy.toml": said}, FEATURES)

    assert whole.about.name == "autumn"
    assert whole.strategy.id == packaged().strategy.id
    assert whole.content != packaged().content


@pytest.mark.parametrize("path", ["strategy.toml", "ladder.toml", "presets/cn.toml"])
def test_a_malformed_file_is_named(path):
    with pytest.raises(NotAStrategy, match=path):
        from_files({**FILES, path: b"nonsense = 1"}, FEATURES)


def test_a_missing_file_and_one_that_nobody_would_read_are_refused():
    without = {path: text for path, text in FILES.items() if path != "ladder.toml"}
    with pytest.raises(NotAStrategy, match=r"ladder\.toml is missing"):
        from_files(without, FEATURES)
    with pytest.raises(NotAStrategy, match=r"velocity\.toml\.toml"):
        from_files({**FILES, "velocity.toml.toml": b""}, FEATURES)
    with pytest.raises(NotAStrategy, match=r"rulez/a\.toml"):
        from_files({**FILES, "rulez/a.toml": b""}, FEATURES)


@pytest.mark.parametrize("path", ["presets/cn.toml", "presets/judge_only.toml"])
def test_a_strategy_without_a_preset_that_merchants_have_is_refused(path):
    without = {name: text for name, text in FILES.items() if name != path}

    with pytest.raises(NotAStrategy, match="which merchants have"):
        from_files(without, FEATURES)


@pytest.mark.parametrize(
    ("path", "old", "new", "why"),
    [
        (
            "ladder.toml",
            b"[holds.cooling_off]\nduration_s = 86_400\nend_level = 4",
            b"",
            "each kind",
        ),
        ("ladder.toml", b"duration_s = 86_400", b"duration_s = 0", "a hold lasts"),
        ("ladder.toml", b"duration_s = 86_400", b"duration_s = 99_999_999_999", "a hold lasts"),
        ("presets/cn.toml", b"day_offset_minutes = 480", b"day_offset_minutes = 1440", "days that"),
    ],
)
def test_what_would_fault_at_the_first_payment_is_refused(path, old, new, why):
    assert old in FILES[path]

    with pytest.raises(NotAStrategy, match=why):
        from_files({**FILES, path: FILES[path].replace(old, new)}, FEATURES)


def test_parts_that_do_not_fit_are_refused():
    broken = FILES["ladder.toml"].replace(b"high = 3", b"high = 1")

    with pytest.raises(NotAStrategy, match="risk"):
        from_files({**FILES, "ladder.toml": broken}, FEATURES)


def test_a_strategy_of_other_features_is_refused_by_both_names():
    fewer = make_feature_set(list(FEATURES.features[:-1]))

    with pytest.raises(WrongFeatures, match=FEATURES.id):
        from_content(packaged().content, fewer)


def test_content_of_an_older_engine_is_another_strategy_now():
    kept = msgspec.structs.replace(read_content(packaged().content), engine_version=1)
    old = msgspec.json.encode(msgspec.to_builtins(kept, str_keys=True), order="sorted")

    whole = from_content(old, FEATURES)

    assert whole.content == packaged().content
    assert read_content(whole.content).engine_version == ENGINE_VERSION


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[1]"])
def test_bytes_that_are_no_strategy_are_refused(content):
    with pytest.raises(NotAStrategy):
        read_content(content)


def test_another_format_is_refused():
    other = packaged().content.replace(b'"format":2', b'"format":3')

    with pytest.raises(NotAStrategy, match="format 3"):
        read_content(other)


def test_a_strategy_kept_before_there_were_costs_is_read_with_those_of_this_software():
    # The bytes that the first format kept of the packaged strategy, word for word.
    golden = (GOLDEN / "strategy_format_1.json").read_bytes()

    found = read_content(golden)
    now = msgspec.json.decode(golden)
    now["feature_set"] = FEATURES.id
    whole = from_content(msgspec.json.encode(now), FEATURES)

    assert (found.format, found.engine_version, found.model) == (1, 3, None)
    assert whole.strategy.costs == packaged().strategy.costs
    assert whole.strategy.cold_start == packaged().strategy.cold_start
    assert whole.strategy.model is None
    assert read_content(whole.content).format == FORMAT


def test_the_first_format_has_no_costs():
    said = msgspec.json.decode((GOLDEN / "strategy_format_1.json").read_bytes())

    with pytest.raises(NotAStrategy, match="malformed"):
        read_content(msgspec.json.encode({**said, "model": None}))


MODEL = f"""
sha256 = "sha256:{"5f" * 32}"
origin = "trained"
feature_set = "{FEATURES.id}"
inputs = ["amount_minor", "{FEATURES.names[0]}"]
[priors]
scam = 0.0001
""".encode()


def test_a_model_is_a_part_of_the_strategy_and_of_its_id():
    whole = from_files({**FILES, "model.toml": MODEL}, FEATURES)

    assert whole.strategy.model is not None
    assert whole.strategy.model.priors == {"scam": 0.0001}
    assert whole.strategy.id != packaged().strategy.id
    assert from_content(whole.content, FEATURES) == whole


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b"scam = 0.0001", b"scam = 1.0", "nothing for what is normal"),
        (b"scam = 0.0001", b"scam = 0.5\nfirst_party = 0.5", "nothing for what is normal"),
        (b"scam = 0.0001", b"scam = 1.1", r"model\.toml"),
        (FEATURES.id.encode(), b"fs_0", "feature set fs_0"),
        (b'"trained"', b'"found"', r"model\.toml"),
        (b'"sha256:5f', b'"sha256:zz', r"model\.toml"),
    ],
)
def test_a_model_that_does_not_fit_is_refused(old, new, why):
    with pytest.raises(NotAStrategy, match=why):
        from_files({**FILES, "model.toml": MODEL.replace(old, new)}, FEATURES)
