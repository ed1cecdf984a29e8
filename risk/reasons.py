"""The words of reasons, in both languages, from codes and typed slots. Never decides anything."""

import re
from importlib import resources
from typing import Final, Literal, cast, get_args

import msgspec

from risk.assessment import Amount, DegradedCode, Reason, ReasonCode
from risk.feature import Text

Language = Literal["en", "zh"]
SlotType = Literal[
    "amount",
    "count",
    "duration",
    "text",
    "scope",
    "risk_level",
    "outcome",
    "listed",
    "event",
    "signal",
    "ppm",
]
# How a rule's sentence writes the value of a slot; an age in whole units, thousandths as per cent.
SlotKind = Literal["amount", "count", "age", "share", "text", "flag"]
# From here on two digits would round to a whole.
PPM_SURE: Final = 990_000
# What a slot holds whose value the payment does not have.
NOT_KNOWN: Final = ""
_SAID: Final = re.compile(r"\{([a-z][a-z0-9_]{0,63}):([a-z]+)\}")
_UNKNOWN: Final[dict[Language, str]] = {"en": "unknown", "zh": "未知"}
_FLAGS: Final[dict[Language, tuple[str, str]]] = {"en": ("no", "yes"), "zh": ("否", "是")}
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
        plain: What is said without its values, where they tell what not everybody may know.
    """

    slots: dict[str, SlotType]
    for_payer: bool
    en: str
    zh: str
    plain: Text | None = None


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All words of the engine's own reasons, by code; `words` by slot type and value."""

    reasons: dict[ReasonCode, ReasonWords]
    degraded: dict[DegradedCode, Text]
    words: dict[str, dict[str, Text]]


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
    return texts


def reason_text(reason: Reason, language: Language, texts: Texts, *, is_plain: bool = False) -> str:
    """Return a reason as one sentence without a full stop.

    Args:
        reason: With its slots.
        language: Of the sentence.
        texts: The words of all codes.
        is_plain: Leave out how likely a harm is and what it would cost.

    Raises:
        ValueError: Its slots are not those of its code, or nobody knows its code.
    """
    if reason.said is not None:
        slots = reason.slots
        return _SAID.sub(
            lambda one: _said(cast("SlotKind", one[2]), slots[one[1]], language),
            _in(language, reason.said),
        )
    words = _words(reason.code, texts)
    if words is None or set(words.slots) != set(reason.slots):
        raise ValueError(f"reason {reason.code} carries exactly its slots")
    if is_plain and words.plain is not None:
        return _in(language, words.plain)
    written = {
        name: _write(reason.slots[name], kind, language, texts)
        for name, kind in words.slots.items()
    }
    sentence = words.en if language == "en" else words.zh
    return sentence.format(**written)


def is_for_payer(code: str, texts: Texts) -> bool:
    """Return whether the payer may be shown a reason; a rule's is for officers."""
    words = _words(code, texts)
    return words is not None and words.for_payer


def _words(code: str, texts: Texts) -> ReasonWords | None:
    return cast("dict[str, ReasonWords]", texts.reasons).get(code)


def _said(kind: SlotKind, value: int | str | Amount, language: Language) -> str:
    """Return one value in a rule's sentence."""
    if value == NOT_KNOWN:
        return _UNKNOWN[language]
    if isinstance(value, Amount):
        return money_text(value)
    if isinstance(value, str):
        return value
    if kind == "age":
        unit = next((row[0] for row in DURATIONS if value >= row[0]), 1)
        return duration_text(value // unit * unit, language)
    if kind == "share":
        return f"{value / 10:g}%"
    return _FLAGS[language][value != 0] if kind == "flag" else str(value)


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
    if kind == "amount" and isinstance(value, Amount):
        return money_text(value)
    if kind == "duration" and isinstance(value, int):
        return duration_text(value, language)
    if kind == "count" and isinstance(value, int):
        return str(value)
    if kind == "text" and isinstance(value, str):
        return value
    if kind == "ppm" and isinstance(value, int):
        return f"{value / 10_000:.2g}%" if value < PPM_SURE else f"{value / 10_000:.4g}%"
    if kind in texts.words and isinstance(value, str):
        return _in(language, texts.words[kind][value])
    raise ValueError(f"a slot of type {kind} holds another type of value")


def _in(language: Language, text: Text) -> str:
    return text.en if language == "en" else text.zh


def duration_text(seconds: int, language: Language) -> str:
    """Return a time in the largest unit of which it is a whole number."""
    fits = (row for row in DURATIONS if seconds and seconds % row[0] == 0)
    unit, one, many, chinese = next(fits, DURATIONS[-1])
    count = seconds // unit
    if language == "zh":
        return f"{count} {chinese}"
    return f"{count} {one if count == 1 else many}"
