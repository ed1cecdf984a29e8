"""The benchmark of features runs, and says what its ratio is of."""

from bench.features import verdict
from bench.tables import status
from risk.feature import load_features


def test_every_stage_has_its_figure(written):
    block = written("features", "--payments", "300", "--measured", "100", may_miss=True)

    for name in (
        f"read {len(load_features().names)} features",
        "added to 11 entities",
        "committed to the cache",
        "floor",
    ):
        assert name in block
    assert "goal >= 40" in block or "run this file with an environment that has `feast`" in block


def test_less_than_forty_times_misses():
    assert (status(verdict(40.0)), status(verdict(39.9))) == (0, 1)
