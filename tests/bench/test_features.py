"""The benchmark of features runs, and says what its ratio is of."""


def test_every_stage_has_its_figure(written):
    block = written("features", "--payments", "300", "--measured", "100")

    for name in ("read 60 features", "added to 11 entities", "committed to the cache", "floor"):
        assert name in block
    assert "goal >= 40" in block or "run this file with an environment that has `feast`" in block
