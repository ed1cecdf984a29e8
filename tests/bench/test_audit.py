"""The log's bench measures what an operator and a stranger would run, on a log that verifies."""

from pathlib import Path

from bench.audit import make, measure
from service.settings import read_settings


def test_a_log_that_the_bench_made_verifies_in_every_way(tmp_path: Path) -> None:
    settings = read_settings(
        {"PAYGUARD_DATA_DIR": str(tmp_path / "data"), "PAYGUARD_CHECKPOINT_EVERY_S": "1"}
    )
    make(settings, 700)

    took = measure(settings, 700)

    assert took.verified
    assert min(took.verify_s, took.export_s, took.stranger_s) > 0
