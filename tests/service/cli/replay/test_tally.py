from service.cli.replay.tally import Latency, Tally, text_of

MS = 1_000_000


def test_percentiles_are_of_nearest_rank() -> None:
    tally = Tally()
    for place in range(1, 101):
        tally.judged("approve", duration_ns=place * MS)

    summary = tally.summary(duration_ns=1, is_interrupted=False)

    assert summary.create == Latency(p50_ms=50.0, p99_ms=99.0)
    assert summary.execute is None


def test_one_row_is_its_own_percentile() -> None:
    tally = Tally()
    tally.judged("approve", duration_ns=3 * MS)

    assert tally.summary(duration_ns=1, is_interrupted=False).create == Latency(
        p50_ms=3.0, p99_ms=3.0
    )


def test_errors_are_counted_by_code_with_the_first_row() -> None:
    tally = Tally()
    tally.failed_row("r-1", "odd")
    tally.failed_row("r-2", "odd")

    summary = tally.summary(duration_ns=1, is_interrupted=False)

    assert (summary.failed, summary.errors, summary.first_failed) == (2, {"odd": 2}, {"odd": "r-1"})


def test_people_read_counts_times_and_what_was_odd() -> None:
    tally = Tally()
    tally.judged("approve", duration_ns=2 * MS)
    tally.executed("go", duration_ns=4 * MS)
    tally.answered(tries=3, is_replayed=True)
    tally.row_done(is_rounded=True)
    tally.failed_row("r-9", "odd")

    text = text_of(tally.summary(duration_ns=2_000_000_000, is_interrupted=True))

    assert "1 in 2.0 s, 0 a second (interrupted)" in text
    assert "1 approve  (p50 2.0 ms, p99 2.0 ms)" in text
    assert "1 go  (p50 4.0 ms, p99 4.0 ms)" in text
    assert "2 requests sent again" in text
    assert "1 odd, first at r-9" in text
