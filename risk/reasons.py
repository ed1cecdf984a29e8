"""The words of reasons, in both languages, from codes and typed slots. Never decides anything."""

from collections.abc import Iterable
from importlib import resources
from typing import Final, Literal, cast, get_args

import msgspec

from risk.assessment import Amount, DegradedCode, Reason, ReasonCode
from risk.feature import Text, load_features
from risk.rules.fields import Fields, make_fields
from risk.rules.reader import load_starter_rules
from risk.rules.shapes import Rule
from risk.rules.showing import NOT_KNOWN, slot_kind, slots_of

Language = Literal["en", "zh"]
SlotType = Literal[
    "amount",
    "count",
    "duration",
    "age",
    "share",
    "text",
    "flag",
    "scope",
    "risk_level",
    "outcome",
    "listed",
    "event",
]
# Largest unit first: seconds, one in English, many in English, Chinese.
DURATIONS: Final = (
    (86_400, "day", "days", "天"),
    (3_600, "hour", "hours", "小时"),
    (60, "minute", "minutes", "分钟"),
    (1, "second", "seconds", "秒"),
)


class ReasonWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason's sentences and the types of their slots.

    Attributes:
        for_payer: It may be shown to the payer; any other one is for officers.
    """

    slots: dict[str, SlotType]
    for_payer: bool
    en: str
    zh: str


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All words of reasons, by code; `words` by slot type and value.

    Attributes:
        unknown: Stands for the reason of a rule that is no longer there, or says something else.
        rules: By code of the rule.
    """

    reasons: dict[ReasonCode, ReasonWords]
    unknown: Text
    degraded: dict[DegradedCode, Text]
    words: dict[str, dict[str, Text]]
    rules: dict[str, ReasonWords] = {}


def load_texts() -> Texts:
    """Return the texts that come with this version of the software.

    Raises:
        ValueError: A code that the engine may emit has no words.
    """
    file = resources.files("risk.policy") / "reasons.toml"
    texts = msgspec.toml.decode(file.read_bytes(), type=Texts)
    if set(texts.reasons) != set(get_args(ReasonCode)):
        raise ValueError("each reason code has its words")
    if set(texts.degraded) != set(get_args(DegradedCode)):
        raise ValueError("each degraded code has its words")
    fields = make_fields(load_features())
    return with_rules(texts, load_starter_rules(fields), fields)


def with_rules(texts: Texts, rules: Iterable[Rule], fields: Fields) -> Texts:
    """Return texts that have the words of these rules."""
    words = {
        rule.code: ReasonWords(
            slots={
                name: slot_kind(fields.by_name[name]) for name in sorted(slots_of(rule.reason.en))
            },
            for_payer=False,
            en=rule.reason.en,
            zh=rule.reason.zh,
        )
        for rule in rules
    }
    return msgspec.structs.replace(texts, rules=words)


def reason_text(reason: Reason, language: Language, texts: Texts) -> str:
    """Return a reason as one sentence without a full stop.

    Raises:
        ValueError: It is the engine's own, and its slots are not those of its code.
    """
    words = _words(reason.code, texts)
    is_own = reason.code in texts.reasons
    if words is None or set(words.slots) != set(reason.slots):
        if is_own:
            raise ValueError(f"reason {reason.code} carries exactly its slots")
        return _in(language, texts.unknown)
    written = {
        name: _write(reason.slots[name], kind, language, texts)
        for name, kind in words.slots.items()
    }
    sentence = words.en if language == "en" else words.zh
    return sentence.format(**written)


def is_for_payer(code: str, texts: Texts) -> bool:
    """Return whether the payer may be shown a reason; what is not known is for officers."""
    words = _words(code, texts)
    return words is not None and words.for_payer


def _words(code: str, texts: Texts) -> ReasonWords | None:
    own = cast("dict[str, ReasonWords]", texts.reasons)
    return own.get(code) or texts.rules.get(code)


def money_text(amount: Amount) -> str:
    """Return money with its currency: 1,000.00 CNY."""
    unit = 10**amount.exponent
    major, minor = divmod(amount.minor, unit)
    decimals = f".{minor:0{amount.exponent}d}" if amount.exponent else ""
    return f"{major:,}{decimals} {amount.currency}"


def degraded_text(code: DegradedCode, language: Language, texts: Texts) -> str:
    """Return what was missing, as one sentence without a full stop."""
    return _in(language, texts.degraded[code])


def _write(value: int | str | Amount, kind: SlotType, language: Language, texts: Texts) -> str:
    if value == NOT_KNOWN:
        return _in(language, texts.words["missing"]["unknown"])
    if kind == "amount" and isinstance(value, Amount):
        return money_text(value)
    if isinstance(value, int):
        return _number(value, kind, language, texts)
    if kind == "text" and isinstance(value, str):
        return value
    if kind in texts.words and isinstance(value, str):
        return _in(language, texts.words[kind][value])
    raise _other(kind)


def _number(value: int, kind: SlotType, language: Language, texts: Texts) -> str:
    match kind:
        case "count":
            return str(value)
        case "duration":
            return _duration(value, language)
        case "age":
            return _duration(_rounded(value), language)
        case "share":
            return f"{value / 10:g}%"
        case "flag":
            return _in(language, texts.words["flag"][str(value)])
        case _:
            raise _other(kind)


def _other(kind: SlotType) -> ValueError:
    return ValueError(f"a slot of type {kind} holds another type of value")


def _in(language: Language, text: Text) -> str:
    return text.en if language == "en" else text.zh


def _rounded(seconds: int) -> int:
    """Return a time in whole units of the largest that fits, rounded down."""
    unit = next((row[0] for row in DURATIONS if seconds >= row[0]), 1)
    return seconds // unit * unit


def _duration(seconds: int, language: Language) -> str:
    unit, one, many, chinese = next(row for row in DURATIONS if seconds % row[0] == 0)
    count = seconds // unit
    if language == "zh":
        return f"{count} {chinese}"
    return f"{count} {one if count == 1 else many}"
