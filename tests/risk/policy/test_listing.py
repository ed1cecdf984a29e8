"""Which entry of a list decides, and what an officer sees of each."""

import itertools

import msgspec
import pytest

from risk.lists import ListHit
from risk.policy.listing import shown, standing_block


def hit(kind, strength="overridable", entity="payee") -> ListHit:
    name = f"lse_{kind}_{strength}"
    return ListHit(list_id=name, kind=kind, strength=strength, entity=entity, reason="seen before")


ALLOW, WATCH = hit("allow"), hit("watch")
ABSOLUTE, OVERRIDE = hit("block", "absolute"), hit("block", "override")
OVERRIDABLE = hit("block", "overridable")


@pytest.mark.parametrize(
    ("hits", "standing"),
    [
        ((), None),
        ((ALLOW,), None),
        ((WATCH,), None),
        ((OVERRIDABLE,), OVERRIDABLE),
        ((OVERRIDABLE, WATCH), OVERRIDABLE),
        ((OVERRIDABLE, ALLOW), None),
        ((OVERRIDE, ALLOW), OVERRIDE),
        ((ABSOLUTE, ALLOW), ABSOLUTE),
        ((OVERRIDABLE, OVERRIDE, ABSOLUTE), ABSOLUTE),
        ((OVERRIDABLE, OVERRIDE, ALLOW), OVERRIDE),
    ],
)
def test_the_block_that_stands_whatever_the_order(hits, standing) -> None:
    for order in itertools.permutations(hits):
        assert standing_block(order) == standing


def test_each_entry_shows_what_it_did_and_why_it_is_there() -> None:
    found = shown((OVERRIDABLE, ABSOLUTE, ALLOW, WATCH))

    assert [one.effect for one in found] == ["overridden", "raise:decline", "allow", "watch"]
    assert {one.result for one in found} == {"hit"}
    assert found[0].rule == "list:lse_block_overridable"
    assert found[0].shown == "payee: seen before"


def test_an_override_ends_as_an_absolute_block_does_and_the_absolute_one_is_named(judge) -> None:
    device = hit("block", "override", "device")

    alone, both = judge(lists=(device, ALLOW)), judge(lists=(device, ABSOLUTE, ALLOW))

    assert (alone.outcome, alone.hold, alone.any_of) == (both.outcome, both.hold, both.any_of)
    assert alone.reasons[0].slots == {"listed": "device"}
    assert both.reasons[0].slots == {"listed": "payee"}


@pytest.mark.parametrize("preset", ["judge_only", "CN"])
def test_a_payment_on_a_block_list_is_declined_and_says_what_is_listed(judge, preset) -> None:
    found = judge(preset=preset, lists=(ABSOLUTE, ALLOW))

    assert (found.outcome, found.reason_code) == ("decline", "on_block_list")
    assert found.reasons[0].slots == {"listed": "payee"}
    assert (found.exemption, found.hold, found.any_of) == (None, None, ())
    assert [one.effect for one in found.rules[:2]] == ["raise:decline", "allow"]


@pytest.mark.parametrize("hits", [(ALLOW,), (WATCH,), (OVERRIDABLE, ALLOW)])
def test_what_blocks_nothing_leaves_the_outcome_as_it_was(judge, hits) -> None:
    with_lists, without = judge(lists=hits), judge()

    assert with_lists.rules[: len(hits)] == shown(hits)
    rest = msgspec.structs.replace(with_lists, rules=with_lists.rules[len(hits) :])
    assert rest == without


def test_a_block_list_beats_what_a_sandbox_payee_forces(judge) -> None:
    assert judge(forced="approve", lists=(OVERRIDABLE,)).outcome == "decline"
