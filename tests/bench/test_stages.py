import pytest


@pytest.mark.servers
@pytest.mark.longest
def test_every_stage_is_found_and_has_its_share(written, sized):
    store = ("SQLite", "PostgreSQL")[sized(quick=0, ci=0, full=1)]

    block = written("stages", "--seconds", "0.5", "--stores", store)

    for stage in ("token signed", "carrier: asked", "judging", "rows written", "commit"):
        assert f"| {stage} |" in block
    # A function that moved would leave its stage empty: say where it is now in bench/staged.py.
    assert "Not found" not in block
