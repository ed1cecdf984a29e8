"""Files of rules: the starter set stands; every kind of mistake is named with its place."""

import re
from pathlib import Path

import pytest

from risk.rules.reader import read_rules
from risk.rules.shapes import Listing

GOOD = """# A file.
[[rules]]
code = "many_at_once"
version = 1
stages = ["pre_payment"]
when = 'default(payer_payment_count_1h, 0) >= 3 and payee_is_new'
effect = "raise:challenge"
level = 3
meaning.en = "Looks."
meaning.zh = "查看。"
reason.en = "{payer_payment_count_1h} payments"
reason.zh = "{payer_payment_count_1h} 笔付款"
tests = [
  { result = "hit", given = { payer_payment_count_1h = 3, payee_is_new = true } },
  { result = "no_hit", given = { payee_is_new = true } },
  { result = "error", given = { payer_payment_count_1h = { missing = "not_loaded" } } },
]
"""


# In the place of another effect.
LISTING = '"list:add"\nlist = { kind = "watch", entity = "device", hours = 24 }'


def said(fields, text: str) -> list[tuple[int, int, str]]:
    read = read_rules("f.toml", text.encode(), fields)
    assert not (read.rules and read.faults)
    return [(one.line, one.column, one.what) for one in read.faults]


def test_a_good_file_stands_with_its_tests(fields) -> None:
    read = read_rules("f.toml", GOOD.encode(), fields)

    assert (read.faults, read.tests) == ((), 3)
    [rule] = read.rules
    assert (rule.outcome, rule.level, rule.effect) == ("challenge", 3, "raise:challenge")


def test_a_rule_that_adds_points_raises_nothing_itself(fields) -> None:
    text = GOOD.replace('"raise:challenge"\nlevel = 3', '"score:+40"')
    read = read_rules("f.toml", text.encode(), fields)

    assert read.faults == ()
    [rule] = read.rules
    assert (rule.outcome, rule.level, rule.points) == ("approve", 0, 40)
    assert rule.effect == "score:+40"


def test_a_rule_puts_on_a_list_what_it_names_and_raises_nothing_itself(fields) -> None:
    read = read_rules(
        "f.toml", GOOD.replace('"raise:challenge"\nlevel = 3', LISTING).encode(), fields
    )

    assert read.faults == ()
    [rule] = read.rules
    assert (rule.outcome, rule.level, rule.points) == ("approve", 0, 0)
    assert (rule.effect, rule.list) == (
        "list:add",
        Listing(kind="watch", entity="device", hours=24),
    )


@pytest.mark.parametrize("meaning", ["a\\u0000b", "  ", "a\\u007f"])
def test_what_a_rule_means_can_be_an_entry_s_reason(fields, meaning) -> None:
    text = GOOD.replace('"raise:challenge"\nlevel = 3', LISTING).replace("Looks.", meaning)

    assert any("print it in letters" in one[2] for one in said(fields, text))


def test_nothing_is_listed_at_execution(fields) -> None:
    text = GOOD.replace('"raise:challenge"\nlevel = 3', LISTING)
    text = text.replace("payee_is_new", "call_active").replace(
        "payment_count_1h", "payment_count_7d"
    )
    text = text.replace('["pre_payment"]', '["pre_payment", "in_flight"]')

    assert any("list:add stands at the stages" in one[2] for one in said(fields, text))


def test_points_are_added_only_where_a_payment_is_scored(fields) -> None:
    text = GOOD.replace('"raise:challenge"\nlevel = 3', '"score:+40"')
    text = text.replace('["pre_payment"]', '["pre_payment", "in_flight"]')

    assert any("adds where a payment is scored" in one[2] for one in said(fields, text))


def test_a_challenge_asks_for_a_strong_factor_unless_it_says_otherwise(fields) -> None:
    read = read_rules("f.toml", GOOD.replace("level = 3\n", "").encode(), fields)

    assert [rule.level for rule in read.rules] == [2]


@pytest.mark.parametrize(
    ("old", "new", "line", "column", "what"),
    [
        ("payee_is_new'", "payee_is_odd'", 6, 53, "no feature or fact payee_is_odd"),
        (">= 3 and", ">= 3 andd", 6, 49, "should end here"),
        (">= 3", '>= "3"', 6, 44, "never compared"),
        ('"raise:challenge"', '"score:+5"', 2, 1, "only a challenge has a level"),
        ('"raise:challenge"\nlevel = 3', '"score:5"', 2, 1, "score: takes + and a number"),
        ('"raise:challenge"\nlevel = 3', '"score:+0"', 2, 1, "score: takes + and a number"),
        ('"raise:challenge"\nlevel = 3', '"score:+1001"', 2, 1, "score: takes + and a number"),
        ('"raise:challenge"\nlevel = 3', '"score:+\u0665"', 2, 1, "score: takes + and a number"),
        ('"raise:challenge"\nlevel = 3', '"score:-5"', 2, 1, "score: takes + and a number"),
        ('"raise:challenge"\nlevel = 3', '"list:add"', 2, 1, "come together"),
        ('"raise:challenge"', LISTING.replace("list:add", "raise:hold"), 2, 1, "come together"),
        ('"raise:challenge"\nlevel = 3', LISTING.replace("watch", "allow"), 2, 1, "kind"),
        ('"raise:challenge"\nlevel = 3', LISTING.replace("device", "bin"), 2, 1, "entity"),
        ('"raise:challenge"\nlevel = 3', LISTING.replace("24", "0"), 2, 1, "hours"),
        ('"raise:challenge"\nlevel = 3', LISTING.replace("24", "8761"), 2, 1, "hours"),
        ('"raise:challenge"\nlevel = 3', LISTING.replace("add", "drop"), 2, 1, "come together"),
        ('"raise:challenge"', '"raise:approve"', 2, 1, "an effect is raise:"),
        ('"raise:challenge"', '"lower:hold"', 2, 1, "an effect is raise:"),
        ('"raise:challenge"', '"raise:hold"', 2, 1, "only a challenge has a level"),
        ('"many_at_once"', '"on_block_list"', 2, 1, "engine's own reasons"),
        ('"many_at_once"', '"Many"', 2, 1, "matching regex"),
        ("version = 1", "version = 0", 2, 1, "version"),
        ('"pre_payment"', '"yesterday"', 2, 1, "stages"),
        ('"pre_payment"', '"post_payment"', 2, 1, "no rule is looked at at stage post_payment"),
        ('"pre_payment"', '"payout", "account"', 6, 9, "not known at stage account"),
        ('"pre_payment"', '"pre_payment", "in_flight"', 6, 53, "not known at stage in_flight"),
        ('reason.zh = "{payer_payment_count_1h} 笔付款"', 'reason.zh = "多笔"', 2, 1, "same slots"),
        ("{payer_payment_count_1h} payments", "{payer_payment_count_1h!r}", 2, 1, "brace"),
        ("given = { payer_payment_count_1h = 3", "given = { payer_payment_count_1h = 2", 2, 1,
          "test 1: expected hit, found no_hit"),
        ('result = "no_hit", given = { payee_is_new = true }', 'result = "error", given = {}',
         2, 1, "at least one test that hits and one that does not"),
        ("given = { payee_is_new = true }", "given = { payee_is_odd = true }", 2, 1, "test 2"),
        ("given = { payee_is_new = true }", "given = { payee_is_new = 1 }", 2, 1, "is a flag"),
        ("given = { payee_is_new = true }", 'given = { kind = "gift" }', 2, 1, "kind is one of"),
        ('missing = "not_loaded"', 'missing = "mislaid"', 2, 1, "with a reason that exists"),
        ("level = 3", "level = 3\ncolour = 1", 2, 1, "colour"),
        ("level = 3", "level = = 3", 8, 9, None),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(fields, old, new, line, column, what) -> None:
    assert old in GOOD
    found = said(fields, GOOD.replace(old, new, 1))

    if what is None and not found:
        return
    assert any(
        (one[0], one[1]) == (line, column) and (what is None or what in one[2]) for one in found
    ), found


def test_all_mistakes_of_a_file_are_named_at_once(fields) -> None:
    second = GOOD.replace("# A file.\n", "").replace("many_at_once", "two").replace("new'", "old'")
    text = GOOD.replace("payee_is_new'", "payee_is_odd'") + second

    assert [one[0] for one in said(fields, text)] == [6, 22]


def test_two_rules_of_one_code_are_refused(fields) -> None:
    text = GOOD + GOOD.replace("# A file.\n", "")

    assert any("share this code" in one[2] for one in said(fields, text))


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"x" * 65_537, "65,536 bytes"),
        (b"\xff\xfe", "UTF-8"),
        (b"a = " + b"[" * 60, "opens at most"),
        (b"a" * 1_001, "1,000 characters"),
        (b".".join([b"a"] * 40) + b" = 1", "dots"),
        (b"[a.a.a.a.a.a.a.a.a.a.a]\n" * 201, "lines that open a table"),
        (b'["\xe2\x80\xa8"' + b'."\xe2\x80\xa8"' * 300 + b"]", "1,000 characters"),
        (b"\n" * 4_001, "4,000 lines"),
        (b"[[rules]]\n" * 51, "50 rules"),
        (b"a = " + b"[\n" * 3_000, ""),
        (b"", "rules"),
        (b"rules = 3", "rules"),
    ],
)
def test_a_file_that_is_none_is_refused(fields, content, what) -> None:
    read = read_rules("f.toml", content, fields)

    [fault] = read.faults
    assert what in fault.what
    assert fault.rule is None


def test_every_rule_of_the_documentation_stands(fields) -> None:
    page = (Path(__file__).parents[3] / "docs" / "rules.md").read_text()
    shown = re.findall(r"```toml\n(\[\[rules\]\]\n.*?)```", page, re.DOTALL)

    found = [read_rules("rules.md", one.encode(), fields) for one in shown]

    assert len(shown) == 3
    assert [one.faults for one in found] == [(), (), ()]
