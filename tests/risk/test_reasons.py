"""Texts of reasons: both languages, the same slots, every code."""

import string
from typing import get_args

import pytest

from risk.assessment import Amount, DegradedCode, Reason, ReasonCode
from risk.facts import Scope
from risk.feature import Text
from risk.policy.shapes import RiskLevel
from risk.reasons import degraded_text, is_for_payer, money_text, reason_text

CODES = pytest.mark.parametrize("code", get_args(ReasonCode))


def slots_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


@CODES
def test_both_languages_use_exactly_the_slots_of_the_code(texts, code) -> None:
    words = texts.reasons[code]

    assert slots_of(words.en) == slots_of(words.zh) == set(words.slots)


@CODES
def test_the_chinese_text_is_chinese_and_the_english_one_is_not(texts, code) -> None:
    words = texts.reasons[code]

    assert words.en.isascii()
    assert not words.zh.isascii()


@pytest.mark.parametrize("code", get_args(DegradedCode))
def test_what_was_missing_has_words(texts, code) -> None:
    assert degraded_text(code, "en", texts).isascii()
    assert not degraded_text(code, "zh", texts).isascii()


def test_every_word_that_a_slot_may_hold_is_there(texts) -> None:
    assert set(texts.words["scope"]) == set(get_args(Scope))
    assert set(texts.words["risk_level"]) == set(get_args(RiskLevel))


@pytest.mark.parametrize(
    ("reason", "language", "text"),
    [
        (Reason("new_payee"), "en", "First payment to this payee"),
        (
            Reason("too_many_payments", {"count": 30, "window": 3_600}),
            "en",
            "30 payments by one payer within 1 hour",
        ),
        (
            Reason("too_many_payments", {"count": 30, "window": 3_600}),
            "zh",
            "同一付款人在1 小时内已有 30 笔付款",
        ),
        (
            Reason("small_sum_spent", {"scope": "device", "limit": Amount(50_000, "CNY", 2)}),
            "en",
            "More than 500.00 CNY without proof by this device",
        ),
        (
            Reason("small_sum_spent", {"scope": "device", "limit": Amount(50_000, "CNY", 2)}),
            "zh",
            "该设备免验证累计将超过 500.00 CNY",
        ),
    ],
)
def test_a_reason_reads_well(texts, reason, language, text) -> None:
    assert reason_text(reason, language, texts) == text


@pytest.mark.parametrize(
    ("seconds", "said"), [(60, "1 minute"), (90, "90 seconds"), (172_800, "2 days")]
)
def test_a_duration_is_said_in_its_largest_whole_unit(texts, seconds, said) -> None:
    reason = Reason("too_many_payments", {"count": 1, "window": seconds})

    assert reason_text(reason, "en", texts).endswith(said)


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (Amount(123_456_789, "CNY", 2), "1,234,567.89 CNY"),
        (Amount(5, "CNY", 2), "0.05 CNY"),
        (Amount(1_500, "JPY", 0), "1,500 JPY"),
        (Amount(1_500, "KWD", 3), "1.500 KWD"),
    ],
)
def test_money_is_written_with_its_currency_s_exponent(amount, said) -> None:
    assert money_text(amount) == said


@pytest.mark.parametrize(
    "reason",
    [
        Reason("new_payee", {"count": 1}),
        Reason("proof_given"),
        Reason("proof_given", {"level": "one"}),
        Reason("no_limits", {"currency": 3}),
        Reason("above_day_limits", {"limit": 3}),
    ],
)
def test_a_reason_with_other_slots_than_its_code_s_is_refused(texts, reason) -> None:
    with pytest.raises(ValueError, match=r"slots|slot"):
        reason_text(reason, "en", texts)


def test_the_reason_of_a_rule_brings_its_own_sentence(texts) -> None:
    reason = Reason("rule_of_old", {"count": 3}, Text("3 payments", "3 笔付款"))

    assert reason_text(reason, "en", texts) == "3 payments"
    assert reason_text(reason, "zh", texts) == "3 笔付款"
    with pytest.raises(ValueError, match="carries exactly its slots"):
        reason_text(Reason("rule_of_old", {"count": 3}), "en", texts)


def test_reasons_of_rules_limits_and_lists_are_for_officers(texts, strategy) -> None:
    for_officers = {code for code in texts.reasons if not is_for_payer(code, texts)}

    assert for_officers == {
        *("likely_first_party", "likely_scam", "likely_unauthorized", "unlike_normal"),
        *("on_block_list", "recent_change", "too_many_payments"),
    }
    assert not any(is_for_payer(rule.code, texts) for rule in strategy.rules)


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        (
            "likely_first_party",
            "May be denied later by its own payer",
            "付款人事后可能否认本次付款",
        ),
        ("likely_scam", "The payer may be deceived", "付款人可能正被诈骗"),
        ("likely_unauthorized", "May not be made by the payer", "可能并非付款人本人操作"),
    ],
)
def test_how_likely_a_harm_is_and_its_cost_can_be_left_out(texts, code, en, zh) -> None:
    reason = Reason(code, {"share": 420_000, "loss": Amount(4_200, "CNY", 2)})

    assert reason_text(reason, "en", texts, is_plain=True) == en
    assert reason_text(reason, "zh", texts, is_plain=True) == zh
    for language in ("en", "zh"):
        whole = reason_text(reason, language, texts)
        assert all(said in whole for said in ("42%", "42.00 CNY"))


def test_every_reason_that_tells_how_likely_a_harm_is_has_a_plain_sentence(texts) -> None:
    telling = {code for code, words in texts.reasons.items() if "ppm" in words.slots.values()}

    assert telling == {code for code, words in texts.reasons.items() if words.plain is not None}
    assert all(words.plain.en and words.plain.zh for words in texts.reasons.values() if words.plain)


def test_a_plain_sentence_still_needs_the_slots_of_its_code(texts) -> None:
    with pytest.raises(ValueError, match="carries exactly its slots"):
        reason_text(Reason("likely_scam"), "en", texts, is_plain=True)
