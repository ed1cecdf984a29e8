"""The back-test and the engine decide the same, row by row, over features made both ways."""

from functools import partial

import msgspec
import numpy as np
import pytest

from risk.entity_state import EntityState
from risk.events import judge
from risk.feature import Text
from risk.lists import ListHit
from risk.models.calibration import Scored
from risk.offline.backtest import OUTCOMES, Tried, try_strategy
from risk.offline.columns import MISSING
from risk.offline.history import History, Listed, Told
from risk.offline.scores import score_marks
from risk.policy.ruling import RAISED
from risk.rules.shapes import Rule
from risk.scored import ModelRef
from risk.strategy import Strategy, load_strategy, make_strategy, parts_of
from risk.vectors import entities, observations, vector
from tests.support.histories import KINDS, columns_of, facts_of, history_of

change = msgspec.structs.replace


def tight(strategy: Strategy) -> Strategy:
    """Return a strategy whose limit on speed is passed by a history of some hundred rows."""
    at = tuple(change(one, at_least=4) for one in strategy.velocity.at)
    return change(strategy, id="str_tight", velocity=change(strategy.velocity, at=at))


def ruled(strategy: Strategy, rules: tuple[Rule, ...] | None = None) -> Strategy:
    """Return a strategy with rules of every kind beside those that ship, or with these alone."""
    made = (*strategy.rules, *RULES, *POINTS) if rules is None else rules
    return make_strategy(change(parts_of(strategy), rules=made))


def rules_of(*written: tuple[str, str]) -> tuple[Rule, ...]:
    """Return rules of these codes and conditions, in turns of every outcome."""
    return tuple(
        Rule(
            code=code,
            version=1,
            stages=("pre_payment", "payout") if place % 2 else ("pre_payment",),
            when=when,
            outcome=RAISED[place % len(RAISED)],
            level=3 if RAISED[place % len(RAISED)] == "challenge" else 0,
            meaning=Text("some", "一些"),
            reason=Text("some", "一些"),
        )
        for place, (code, when) in enumerate(written)
    )


# One of each way in which a rule reads a payment.
RULES = rules_of(
    ("of_text", 'default(channel, "none") == "b" and kind == "transfer"'),
    ("of_amount", "amount_minor >= 9_000_000 and payee_is_new"),
    ("of_flag", "default(remote_access, false)"),
    ("of_time", "local_hour < 6 and default(payer_payment_count_1h, 0) >= 2"),
    ("of_age", "default(account_age_s, 365d) < 1h"),
    ("of_balance", "default(balance_share, 0) >= 900"),
    ("of_name", 'payee_id == "p_3" and default(device_payment_count_24h, 0) >= 2'),
    ("of_limit", "default(exemption_limit_minor, 1) >= 2 and amount_minor == 100"),
    ("of_money", "known(payer_amount_mean) and amount_minor >= 3 * payer_amount_mean"),
    ("of_missing", "device_payment_count_1h >= 3"),
    ("of_refusals", "default(payer_declined_share_24h, 0) >= 300"),
    ("of_distinct", "default(payer_payee_distinct_24h, 0) >= 4"),
    ("of_nobody", "is_protected or has_small_consent or device_is_known"),
)
POINTS = tuple(
    change(one, code=f"points_{place}", outcome="approve", level=0, points=points)
    for place, (one, points) in enumerate(zip(RULES[:3], (30, 400, 1_000), strict=True))
)


class Guesses:
    """A scorer of three heads, one of them at times, by sums of what a row has."""

    def __init__(self, heads: int) -> None:
        self.heads = heads

    def score(self, row: np.ndarray) -> Scored:
        share = [float(np.nansum(row * (place + 1)) % 101.0) / 101.0 for place in range(3)]
        said = [one * one if place < self.heads else None for place, one in enumerate(share)]
        return Scored(MODEL.sha256, *said)


class GuessesAll(Guesses):
    """The same, of many rows at once."""

    def score_rows(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        said = [self.score(row) for row in rows]
        heads = ("unauthorized", "scam", "first_party")[: self.heads]
        return {head: np.array([one.of(head) for one in said]) for head in heads}


MODEL = ModelRef(
    sha256=f"sha256:{'5f' * 32}",
    origin="trained",
    feature_set=load_strategy().features.id,
    inputs=("payer_payment_count_24h", "payee_is_new", "payer_amount_to_normal", "local_hour",
            "payer_declined_share_24h", "account_age_s", "remote_access"),
)  # fmt: skip


def modelled(strategy: Strategy) -> Strategy:
    """Return a strategy with a model."""
    return make_strategy(change(parts_of(strategy), model=MODEL))


def touchy(strategy: Strategy) -> Strategy:
    """Return a strategy whose cold start says much of a history of some hundred rows."""
    signals = tuple(
        change(one, from_milli=200, seen_from=1, least_milli=min(one.least_milli, 400))
        for one in strategy.cold_start.signals
    )
    cold = change(strategy.cold_start, signals=signals, max=700)
    return make_strategy(change(parts_of(strategy), cold_start=cold))


def mismatches(
    history: History, strategy: Strategy, scorer: Guesses | None = None
) -> list[tuple[int, object, object]]:
    """Return row and both judgements, wherever the engine and the back-test differ."""
    tried = try_strategy(history, strategy, scorer)
    states: dict[tuple[str, str], EntityState] = {}
    met: set[tuple[str, str]] = set()
    found = []
    for row in range(history.size):
        facts = history.facts(row)
        for entity in entities(facts):
            if entity not in states:
                states[entity] = EntityState(strategy.features.plans[entity[0]])
        pair = (facts.payer_key, facts.payee_id)
        known = history.known(facts, row, is_new=pair not in met)
        met.add(pair)
        features = vector(facts, states, strategy.features)
        online = judge(facts, known, features, strategy, scorer)
        offline = tried.assessments[tried.group[row]]
        if said(online) != said(offline) or online.outcome != OUTCOMES[tried.outcome[row]]:
            found.append((row, said(online), said(offline)))
        declined = online.outcome == "decline"
        for seen in observations(facts, is_declined=declined, features=features):
            states[seen.kind, seen.key].add(
                seen.at,
                seen.amount_minor,
                seen.currency,
                seen.is_declined,
                seen.others,
                ratio_milli=seen.ratio_milli,
            )
    return found


def said(one):
    """Return all of a judgement but the figures in its reasons, which are each row's own."""
    rules = [(rule.rule, rule.version, rule.result, rule.effect) for rule in one.rules]
    reasons = [reason.code for reason in one.reasons]
    return (
        *(one.stage, one.outcome, one.level, one.any_of, one.reason_code, reasons, rules),
        *(one.degraded, one.exemption, one.liability, one.hold, one.strategy),
        *(one.risk_level, one.basis, one.model, one.counterfactuals),
    )


@pytest.mark.long
@pytest.mark.parametrize("preset", ["CN", "judge_only"])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_row_is_judged_as_the_engine_judges_it(sized, seed, preset):
    rows = sized(quick=300, ci=500, full=5_000)
    history = history_of(rows, seed=seed, preset=preset)

    for strategy in (load_strategy(), tight(load_strategy()), ruled(load_strategy())):
        assert mismatches(history, strategy) == []


@pytest.mark.long
@pytest.mark.parametrize("preset", ["CN", "judge_only"])
@pytest.mark.parametrize("scorer", [Guesses(3), GuessesAll(1), None])
def test_every_row_is_judged_by_a_model_as_the_engine_does(sized, scorer, preset):
    history = history_of(sized(quick=200, ci=300, full=3_000), seed=7, preset=preset)

    for strategy in (modelled(load_strategy()), modelled(ruled(load_strategy()))):
        assert mismatches(history, strategy, scorer) == []


@pytest.mark.long
def test_a_model_decides_and_its_reasons_are_told():
    history = history_of(300, seed=8, preset="CN")

    tried = try_strategy(history, modelled(load_strategy()), Guesses(3))

    codes = {reason.code for one in tried.assessments for reason in one.reasons}
    assert {"likely_unauthorized", "likely_scam", "likely_first_party"} <= codes
    assert {OUTCOMES[one] for one in tried.outcome} >= {"challenge", "hold", "decline"}


def test_every_row_has_the_cold_start_that_the_engine_sees(sized):
    history = history_of(sized(quick=300, ci=500, full=5_000), seed=9, preset="CN")

    assert mismatches(history, touchy(load_strategy())) == []
    tried = try_strategy(history, touchy(load_strategy()))
    levels = {one.risk_level for one in tried.assessments}
    assert levels >= {"low", "medium"}


class Told100And290:
    """A scorer that gives one row a score of 100, and the other of 290; both are low."""

    def score(self, row: np.ndarray) -> Scored:
        raise AssertionError(row)

    def score_rows(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        assert len(rows) == 2
        odds = 2.0 ** (np.array([100.0, 290.0]) / 40.0 - 14.0)
        return {"unauthorized": odds / (1.0 + odds)}


@pytest.mark.parametrize("scorer", [None, Told100And290()])
def test_points_tell_rows_apart_by_the_score_that_they_are_added_to(scorer):
    strategy = load_strategy()
    history = history_of(2, seed=1, preset="judge_only")
    values = {name: np.full(2, MISSING) for name in strategy.features.names}
    if scorer is None:
        # Ten times and once what is usual for the payer.
        values["payer_amount_to_usual"] = np.array([10_000, 1_000])
        values["payer_payment_count_30d"] = np.full(2, 20)
        strategy = touchy(strategy)
    else:
        model = change(MODEL, priors={"scam": 0.0, "first_party": 0.0})
        strategy = make_strategy(change(parts_of(strategy), model=model))

    def levels(points: int) -> list[int]:
        told = Told(history, strategy)
        marks = score_marks(history, strategy, scorer, values, told, np.full(2, points))
        return marks[0].tolist()

    assert levels(0) == ([0, 0] if scorer else [3, 0])
    assert levels(30) == ([0, 1] if scorer else [3, 0])
    assert levels(1_000) == [3, 3]
    assert levels(10**6) == [3, 3]


@pytest.mark.long
@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_rows_that_were_told_alike_are_told_apart_by_time_and_amount(kind):
    other = history_of(120, seed=6, preset="CN")
    second = 1_700_000_000 + 900 * np.arange(other.size)
    told = {name: np.zeros(other.size, np.int64) for name in other.told}
    told["kind"] += kind
    told["balance_before.value"] += 600_000
    # A payout waits up to 72 hours after a change: this one's time is over halfway.
    told["payer.contact_changed_at"] += int(second[60]) - 259_200
    told["payer.account_created_at"] += int(second[0]) - 1_800
    columns = columns_of(told, second, other.columns.amount_minor)
    history = History(columns, told, partial(facts_of, told, columns), "CN")

    tried = try_strategy(history, ruled(load_strategy()))

    assert mismatches(history, ruled(load_strategy())) == []
    assert len(set(tried.outcome)) > 1
    assert len(tried.assessments) < other.size


def test_every_rule_and_every_outcome_is_met(sized):
    history = history_of(sized(quick=400, ci=500, full=5_000), seed=1, preset="CN")

    tried = try_strategy(history, ruled(load_strategy()))
    mild = history._replace(preset="judge_only")
    # Where nothing stronger hits, a review is the outcome; where nothing hits, an approval.
    few = try_strategy(
        mild, ruled(load_strategy(), rules_of(*[("some", "amount_minor >= 500_000")] * 2)[1:])
    )

    assert {rule.code for rule in RULES} - set(tried.hits()) == {"of_nobody"}
    structured = tried.hits()["structuring_under_exemption"]
    assert 0 < structured.sum() < history.size
    assert {OUTCOMES[one] for one in {*tried.outcome, *few.outcome}} == set(OUTCOMES)
    assert any(one.degraded for one in tried.assessments)
    assert tried.passes > 1


BLOCK, ALLOW, WATCH = (
    ListHit(list_id=f"line_{kind}", kind=kind, strength="overridable", entity=entity, reason="seen")
    for kind, entity in (("block", "payee"), ("allow", "payer"), ("watch", "device"))
)
ON_LISTS = rules_of(
    ("of_watch", 'on_list("watch", "device") and amount_minor >= 10_000'),
    ("of_allow", 'on_list("allow", "payer")'),
    ("of_watched_payee", 'on_list("watch", "payee")'),
)


def test_every_row_is_judged_by_lists_as_the_engine_does(sized):
    other = history_of(sized(quick=200, ci=300, full=3_000), seed=11, preset="CN")
    # All told alike: nothing but time, amount and lists tells them apart.
    told = {name: np.zeros(other.size, np.int64) for name in other.told}
    columns = columns_of(told, other.columns.second, other.columns.amount_minor)
    plain = History(columns, told, partial(facts_of, told, columns), "CN")
    hits = ((), (BLOCK,), (BLOCK, ALLOW), (WATCH,), (WATCH, ALLOW))
    code = np.random.default_rng(11).integers(0, len(hits), other.size)
    history = plain._replace(listed=Listed(code, hits))
    strategy = ruled(load_strategy(), ON_LISTS)

    tried = try_strategy(history, strategy)

    assert mismatches(history, strategy) == []
    assert len(tried.assessments) < other.size / 2
    found = tried.hits()
    assert {"list:line_block", "list:line_allow", "list:line_watch"} <= found.keys()
    assert np.array_equal(found["list:line_block"], (code == 1) | (code == 2))
    assert found.keys() & {rule.code for rule in ON_LISTS} == {"of_watch", "of_allow"}
    on_watch = Told(history, strategy).column("watch_list:device").values
    assert np.array_equal(on_watch, code >= 3)
    assert not {"of_watch", "of_allow"} & try_strategy(plain, strategy).hits().keys()


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

    new = Told(history, load_strategy()).is_new

    assert [bool(one) for one in new] == [pair not in pairs[:row] for row, pair in enumerate(pairs)]


def test_an_unknown_preset_is_no_judgement():
    with pytest.raises(LookupError):
        try_strategy(history_of(5, seed=5, preset="XX"), load_strategy())
