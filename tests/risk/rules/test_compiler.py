"""What a compiled condition says: of values, of missing ones, and of what is no number."""

import ast
import dis
import types

import pytest

from risk.rules.compiler import LOST, compile_rules, make_places
from risk.rules.parser import parse
from risk.vectors import Missing

COUNT = "payer_payment_count_1h"
SUM = "payer_amount_sum_24h"
ABSENT = Missing("no_device")


@pytest.mark.parametrize(
    ("source", "given", "result"),
    [
        (f"{COUNT} >= 3", {COUNT: 3}, "hit"),
        (f"{COUNT} >= 3", {COUNT: 2}, "no_hit"),
        (f"{COUNT} + 1 == 4", {COUNT: 3}, "hit"),
        (f"{COUNT} * 2 - 6 == -{COUNT} + 3", {COUNT: 3}, "hit"),
        (f"{SUM} / {COUNT} > 10", {SUM: 31, COUNT: 3}, "hit"),
        (f"{SUM} / {COUNT} > 10", {SUM: 31, COUNT: 0}, "error"),
        (f"{COUNT} in [1, 3]", {COUNT: 3}, "hit"),
        (f"{COUNT} not in [1, 3]", {COUNT: 3}, "no_hit"),
        ('kind in ["transfer"]', {"kind": "transfer"}, "hit"),
        ("remote_access", {"remote_access": True}, "hit"),
        ("not remote_access", {"remote_access": True}, "no_hit"),
        ("remote_access != call_active", {"remote_access": True, "call_active": False}, "hit"),
        ("ip_country == instrument_issuer_country", {"ip_country": "CN"}, "error"),
        ('on_list("watch", "payee")', {"watch_list:payee": True}, "hit"),
    ],
)
def test_what_it_says_of_values(answer, source, given, result) -> None:
    assert answer(source, **given) == result


# Python itself would answer most of these; a missing value must make none of them true or false.
@pytest.mark.parametrize("value", [None, ABSENT])
@pytest.mark.parametrize(
    "source",
    [
        *(f"X {sign} 3" for sign in ("<", "<=", ">", ">=", "==", "!=")),
        *(f"3 {sign} X" for sign in ("<", "<=", ">", ">=", "==", "!=")),
        "X in [3]",
        "X not in [3]",
        "X + 1 > 0",
        "-X < 1",
        "1 / X > 0",
        "X == X",
        "not X == 3",
        "X < X",
        "payee_is_new and X > 1",
        "not payee_is_new or X > 1",
    ],
)
def test_a_missing_number_is_never_an_answer(answer, source, value) -> None:
    name = "amount_minor" if value is None else COUNT
    given = {"payee_is_new": True, **({} if value is None else {name: value})}

    assert answer(source.replace("X", name), **given) == "error"


@pytest.mark.parametrize(
    "source",
    [
        "remote_access",
        "not remote_access",
        "remote_access == false",
        "remote_access in [true]",
        'ip_country == "CN"',
        'ip_country != "CN"',
        'ip_country in ["CN"]',
        'ip_country not in ["CN"]',
        "ip_country == ip_country",
    ],
)
def test_a_missing_flag_or_text_is_never_an_answer(answer, source) -> None:
    assert answer(source) == "error"


def test_and_and_or_stop_where_the_answer_is_certain(answer) -> None:
    assert answer(f"known({COUNT}) and {COUNT} > 3") == "no_hit"
    assert answer(f"not known({COUNT}) or {COUNT} > 3") == "hit"
    assert answer(f"{COUNT} > 3 and known({COUNT})") == "error"


@pytest.mark.parametrize("name", [COUNT, "ip_country"])
def test_known_and_default_say_what_missing_means(answer, name) -> None:
    number = name == COUNT
    there = {name: 5 if number else "CN"}
    constant, other = ("0", "5") if number else ('"XX"', '"CN"')

    assert answer(f"known({name})") == "no_hit"
    assert answer(f"known({name})", **there) == "hit"
    assert answer(f"default({name}, {constant}) == {constant}") == "hit"
    assert answer(f"default({name}, {constant}) == {other}", **there) == "hit"


@pytest.mark.parametrize("why", sorted(LOST))
@pytest.mark.parametrize("source", [f"known({COUNT})", f"default({COUNT}, 0) >= 0", f"{COUNT} > 0"])
def test_nothing_stands_for_what_was_lost(answer, source, why) -> None:
    assert answer(source, **{COUNT: Missing(why)}) == "error"


def test_what_counts_beyond_numbers_has_no_answer(answer) -> None:
    huge = " * ".join(["999_999_999_999_999"] * 22)

    assert answer(f"{huge} * {COUNT} > 0", **{COUNT: 1}) == "error"
    assert answer(f"1 / ({huge} * {COUNT}) < 1", **{COUNT: 1}) == "error"
    assert answer(f"{huge} * {COUNT} - {huge} * {COUNT} != 0", **{COUNT: 1}) == "error"


def test_one_rule_that_fails_leaves_the_others_alone() -> None:
    hit: list[int] = []
    failed: list[int] = []
    trees = {3: parse("a > 1"), 5: parse("b > 1"), 9: parse("a + b > 1")}

    compile_rules(trees, make_places(["a", "b"], []))([2, ABSENT], [], hit.append, failed.append)

    assert (hit, failed) == ([3], [5, 9])


def test_the_function_holds_no_name_of_an_author_and_no_builtin() -> None:
    node = parse('payer_secret_name == "__import__" or on_list("block", "ip")')
    run = compile_rules({0: node}, make_places([], ["payer_secret_name", "block_list:ip"]))
    assert isinstance(run, types.FunctionType)
    code = run.__code__

    assert set(code.co_names) <= {"FAULTS", "Missing", "gone", "absent", "__class__"}
    assert set(code.co_varnames) == {"v", "x", "hit", "failed", "t"}
    assert run.__builtins__ == {}
    assert not any(one.opname.startswith("IMPORT") for one in dis.get_instructions(code))
    assert ast.literal_eval(repr("__import__")) in str(code.co_consts)
