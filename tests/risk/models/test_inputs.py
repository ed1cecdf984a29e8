import msgspec
import numpy as np
import pytest

from risk.entity_state import EntityState
from risk.models.inputs import TOLD_INPUTS, check_inputs, input_names, make_inputs
from risk.models.manifest import NotAModel
from risk.offline.columns import compute
from risk.offline.history import History, Told, circumstances
from risk.offline.inputs import columns_of
from risk.rules.fields import make_fields
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing, entities, observations, vector
from tests.support.histories import history_of


def rows_online(history: History, strategy: Strategy) -> np.ndarray:
    """Return what a model reads of each payment as it comes, one after another."""
    inputs = make_inputs(input_names(strategy.features), strategy.features)
    preset = strategy.preset(history.preset)
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
        values = vector(facts, states, strategy.features)
        found.append(inputs.row(facts, known, preset, values))
        for seen in observations(facts, is_declined=False, features=values):
            states[seen.kind, seen.key].add(
                seen.at,
                seen.amount_minor,
                seen.currency,
                seen.is_declined,
                seen.others,
                ratio_milli=seen.ratio_milli,
            )
    return np.array(found)


def test_a_payment_is_read_as_columns_are(sized, strategy) -> None:
    history = history_of(sized(quick=300, ci=1_000, full=5_000), seed=3, preset="CN")
    history = history._replace(
        columns=history.columns._replace(is_declined=np.zeros(history.size, np.int64))
    )
    # A payout has features of its own stage; a model judges what is made as a payment.
    is_paid = np.array([history.facts(row).stage for row in range(history.size)]) != "payout"
    names = input_names(strategy.features)

    online = rows_online(history, strategy)[is_paid]
    computed = compute(history.columns, strategy.features)
    offline = columns_of(names, Told(history, strategy), computed)[is_paid]

    assert online.dtype == offline.dtype == np.float32
    differing = ~((online == offline) | (np.isnan(online) & np.isnan(offline)))
    assert not [names[place] for place in np.flatnonzero(differing.any(axis=0))]
    taken = [len(np.unique(offline[:, place])) for place in range(len(names))]
    assert sum(one > 1 for one in taken) > len(names) / 2


def test_what_is_missing_or_none_is_no_number(strategy, payment, known) -> None:
    names = ("payer_payment_count_1h", "account_age_s", "remote_access", "amount_minor")
    values = FeatureVector(
        strategy.features.id,
        strategy.features.names,
        tuple(Missing("no_history") for _ in strategy.features.names),
    )

    row = make_inputs(names, strategy.features).row(
        payment(remote_access=True, amount_minor=16_777_217),
        known(),
        strategy.preset("CN"),
        values,
    )

    assert np.isnan(row[:2]).all()
    assert row[2:].tolist() == [1.0, 16_777_216.0]


def test_names_are_in_the_order_that_was_asked_for(strategy, payment, known) -> None:
    names = ("local_hour", "payer_payment_count_1h", "amount_minor", "payee_is_new")
    values = FeatureVector(
        strategy.features.id, strategy.features.names, (7,) * len(strategy.features.names)
    )

    row = make_inputs(names, strategy.features).row(
        payment(amount_minor=3), known(payee_is_new=False), strategy.preset("CN"), values
    )

    assert row.tolist() == [20.0, 7.0, 3.0, 0.0]


@pytest.mark.parametrize(
    "name",
    ["payer_id", "channel", "device_is_known", "on_block_list_payer", "exemption_limit_minor", "x"],
)
def test_ids_texts_lists_and_what_history_does_not_tell_are_no_inputs(strategy, name) -> None:
    with pytest.raises(NotAModel, match=f"no model reads {name}"):
        check_inputs(("amount_minor", name), strategy.features)


def test_a_name_that_stands_twice_is_refused(strategy) -> None:
    with pytest.raises(NotAModel, match="once each"):
        check_inputs(("amount_minor", "amount_minor"), strategy.features)


def test_told_inputs_are_numbers_or_flags_that_rules_know(strategy) -> None:
    fields = make_fields(strategy.features).by_name

    assert {fields[name].type for name in TOLD_INPUTS} == {"number", "flag"}


def test_a_feature_of_other_stages_is_no_input(strategy) -> None:
    first = strategy.features.features[0]
    late = msgspec.structs.replace(first, stages=("post_payment",))
    features = msgspec.structs.replace(
        strategy.features, features=(late, *strategy.features.features[1:])
    )

    assert first.name not in input_names(features)


def test_how_a_shop_fares_by_the_day_is_no_input(strategy) -> None:
    """A model of one shop's history would learn its dates, and find none of them again."""
    of_merchant = {one.name for one in strategy.features.features if one.entity == "merchant"}

    read = of_merchant & set(input_names(strategy.features))

    assert read == {
        "merchant_payment_count_1h",
        "merchant_amount_sum_1h",
        "merchant_declined_share_1h",
    }
    with pytest.raises(NotAModel, match="merchant_payment_count_7d"):
        check_inputs(("merchant_payment_count_7d",), strategy.features)
