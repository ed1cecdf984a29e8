"""The back-test and the engine decide the same, row by row, over features made both ways."""

import datetime as dt

import msgspec
import numpy as np
import pytest

from risk.engine import assess
from risk.entity_state import EntityState
from risk.facts import Facts
from risk.offline.backtest import (
    OUTCOMES,
    History,
    Tried,
    circumstances,
    combined,
    is_first,
    try_strategy,
)
from risk.offline.columns import Columns
from risk.strategy import Strategy, load_strategy
from risk.vectors import entities, observations, vector

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
KINDS = ("purchase", "transfer", "payout", "verification")
CURRENCIES = ("CNY", "USD")
ENTRIES = (None, "web", "qr_static")
change = msgspec.structs.replace


def tight(strategy: Strategy) -> Strategy:
    """Return a strategy whose limit on speed is passed by a history of some hundred rows."""
    at = tuple(change(one, at_least=4) for one in strategy.velocity.at)
    return change(strategy, id="str_tight", velocity=change(strategy.velocity, at=at))


def history_of(rows: int, *, seed: int, preset: str) -> History:
    random = np.random.default_rng(seed)
    kind = random.choice(len(KINDS), rows, p=[0.7, 0.1, 0.1, 0.1])
    # Amounts on both sides of every limit, and on the limits themselves.
    limits = [0, 100, 20_000, 50_000, 99_999, 100_000, 100_001, 500_000, 500_001, 9_000_000]
    amount = np.where(kind == 3, 0, random.choice(limits[1:], rows))
    currency = random.choice(2, rows, p=[0.9, 0.1])
    entry, is_guest = random.integers(0, 3, rows), random.random(rows) < 0.2
    is_merchants, is_card = random.random(rows) < 0.2, random.random(rows) < 0.5
    payer, payee = random.integers(0, 9, rows), random.integers(0, 5, rows)
    device = np.where(random.random(rows) < 0.3, -1, random.integers(0, 5, rows))
    none = np.full(rows, -1)
    columns = Columns(
        second=1_700_000_000 + np.cumsum(random.choice([0, 1, 30, 600], rows)),
        amount_minor=amount,
        currency=currency,
        is_declined=np.zeros(rows, np.int64),
        keys={
            **dict.fromkeys(("email", "phone", "address", "bin", "ip", "ip_24"), none),
            "payer": payer,
            "payee": payee,
            "device": device,
            "instrument": payer,
            "merchant": np.zeros(rows, np.int64),
        },
    )

    def facts(row: int) -> Facts:
        return Facts(
            stage="payout" if KINDS[kind[row]] == "payout" else "pre_payment",
            occurred_at=EPOCH + dt.timedelta(seconds=int(columns.second[row])),
            kind=KINDS[kind[row]],
            amount_minor=int(amount[row]),
            currency=CURRENCIES[currency[row]],
            payer_key=f"c_{payer[row]}",
            payer_id=None if is_guest[row] else f"c_{payer[row]}",
            payee_id=f"p_{payee[row]}",
            initiator="merchant" if is_merchants[row] else "payer",
            instrument_id=f"i_{payer[row]}",
            instrument_type="card" if is_card[row] else "account",
            device_id=None if device[row] < 0 else f"d_{device[row]}",
            entry=ENTRIES[entry[row]],
            merchant_id="m_1",
        )

    told = combined([kind, currency, entry, is_guest, is_merchants, is_card, device < 0])
    return History(columns=columns, told={"policy": told}, facts=facts, preset=preset)


def mismatches(history: History, strategy: Strategy) -> list[tuple[int, object, object]]:
    """Return row and both judgements, wherever the engine and the back-test differ."""
    tried = try_strategy(history, strategy)
    states: dict[tuple[str, str], EntityState] = {}
    met: set[tuple[str, str]] = set()
    found = []
    for row in range(history.size):
        facts = history.facts(row)
        for entity in entities(facts):
            if entity not in states:
                states[entity] = EntityState(strategy.features.plans[entity[0]])
        pair = (facts.payer_key, facts.payee_id)
        known = circumstances(facts, history.preset, is_new=pair not in met)
        met.add(pair)
        online = assess(facts, known, vector(facts, states, strategy.features), strategy)
        offline = tried.assessments[tried.group[row]]
        if said(online) != said(offline) or online.outcome != OUTCOMES[tried.outcome[row]]:
            found.append((row, said(online), said(offline)))
        for seen in observations(facts, is_declined=online.outcome == "decline"):
            states[seen.kind, seen.key].add(
                seen.at, seen.amount_minor, seen.currency, seen.is_declined, seen.others
            )
    return found


def said(one):
    """Return all of a judgement but the figures in its reasons, which are each row's own."""
    rules = [(rule.rule, rule.version, rule.result, rule.effect) for rule in one.rules]
    reasons = [reason.code for reason in one.reasons]
    return (
        *(one.stage, one.outcome, one.level, one.any_of, one.reason_code, reasons, rules),
        *(one.degraded, one.exemption, one.liability, one.hold, one.strategy),
    )


@pytest.mark.parametrize("preset", ["CN", "judge_only"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_row_is_judged_as_the_engine_judges_it(sized, seed, preset):
    rows = sized(quick=300, ci=1_000, full=5_000)
    history = history_of(rows, seed=seed, preset=preset)

    for strategy in (load_strategy(), tight(load_strategy())):
        assert mismatches(history, strategy) == []
    outcomes = set(try_strategy(history, tight(load_strategy())).outcome)
    assert len(outcomes) > 1


def test_a_rule_shows_the_rows_that_it_hit():
    history = history_of(200, seed=3, preset="judge_only")

    tried: Tried = try_strategy(history, tight(load_strategy()))

    [[name, rows]] = [one for one in tried.hits().items() if one[0] == "burst_from_one_payer"]
    assert name == tight(load_strategy()).velocity.code
    assert 0 < rows.sum() < 200
    assert set(tried.outcome[rows]) == {OUTCOMES.index("decline")}


def test_a_payee_is_new_up_to_the_first_payment():
    history = history_of(200, seed=4, preset="CN")
    pairs = list(zip(history.columns.keys["payer"], history.columns.keys["payee"], strict=True))

    new = is_first(history.columns)

    assert [bool(one) for one in new] == [pair not in pairs[:row] for row, pair in enumerate(pairs)]


def test_an_unknown_preset_is_no_judgement():
    with pytest.raises(LookupError):
        try_strategy(history_of(5, seed=5, preset="XX"), load_strategy())
