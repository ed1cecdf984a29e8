"""Before is learnt from, after is tried; who was known as defrauded is not tried."""

import numpy as np

from risk.offline.split import DAY_S, in_order, weekly
from risk.offline.split import test_rows as tried


def test_a_fold_leaves_the_delay_between_its_weeks():
    fold = weekly(100 * DAY_S, train_days=7, delay_days=7, test_days=7)

    assert [one // DAY_S for one in (*fold.train, *fold.test)] == [86, 93, 100, 107]


def test_a_payer_is_taken_out_once_fraud_is_as_old_as_the_delay():
    fold = weekly(20 * DAY_S, train_days=2, delay_days=3, test_days=3)._replace(
        known_after_s=3 * DAY_S
    )
    # Payer 0 was defrauded long before, 1 in the training days, 2 on the first day of the delay,
    # 3 on its last day, 4 never.
    history = [(10, 0, True), (15, 1, True), (17, 2, True), (19, 3, True), (19, 4, False)]
    rows = [*history, *((day, payer, False) for day in (20, 21, 22) for payer in range(5))]
    day, payer, fraud = (np.array(one) for one in zip(*rows, strict=True))

    found = tried(fold, second=day * DAY_S, payer=payer, fraud=fraud, known_from=fold.train.start)

    kept = [(int(day[row]), int(payer[row])) for row in found]
    assert kept == [
        *((20, one) for one in (0, 2, 3, 4)),
        *((21, one) for one in (0, 3, 4)),
        *((22, one) for one in (0, 3, 4)),
    ]


def test_every_part_follows_what_it_is_learnt_from():
    second = np.random.default_rng(1).integers(0, 1_000, 500)

    parts = in_order(second, 3, 0.4)

    assert len(parts) == 3
    for before, after, border in parts:
        assert second[before].max() < border <= second[after].min()
    tried_rows = np.concatenate([after for _, after, _ in parts])
    assert len(np.unique(tried_rows)) == len(tried_rows)
    assert second[tried_rows].max() == second.max()
