"""The words of reasons, in both languages, from codes and typed slots. Never decides anything."""

from importlib import resources
from typing import Final, Literal, get_args

import msgspec

from risk.assessment import Amount, DegradedCode, Reason, ReasonCode
from risk.feature import Text

Language = Literal["en", "zh"]
SlotType = Literal[
    "amount", "count", "duration", "text", "scope", "risk_level", "outcome", "listed", "event"
]
# Largest unit first: seconds, one in English, many in English, Chinese.
DURATIONS: Final = (
    (86_400, "day", "days", "天"),
    (3_600, "hour", "hours", "小时"),
    (60, "minute", "minutes", "分钟"),
    (1, "second", "seconds", "秒"),
)


class ReasonWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason's sentences and the types of their slots."""

    slots: dict[str, SlotType]
    en: str
    zh: str


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All words of reasons, by code; `words` by slot type and value."""

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


def reason_text(reason: Reason, language: Language, texts: Texts) -> str:
    """Return a reason as one sentence without a full stop.

    Raises:
        ValueError: Its slots are not those of its code.
    """
    words = texts.reasons[reason.code]
    if set(words.slots) != set(reason.slots):
        raise ValueError(f"reason {reason.code} carries exactly its slots")
    written = {
        name: _write(reason.slots[name], kind, language, texts)
        for name, kind in words.slots.items()
    }
    sentence = words.en if language == "en" else words.zh
    return sentence.format(**written)


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
        return _duration(value, language)
    if kind == "count" and isinstance(value, int):
        return str(value)
    if kind == "text" and isinstance(value, str):
        return value
    if kind in texts.words and isinstance(value, str):
        return _in(language, texts.words[kind][value])
    raise ValueError(f"a slot of type {kind} holds another type of value")


def _in(language: Language, text: Text) -> str:
    return text.en if language == "en" else text.zh


def _duration(seconds: int, language: Language) -> str:
    unit, one, many, chinese = next(row for row in DURATIONS if seconds % row[0] == 0)
    count = seconds // unit
    if language == "zh":
        return f"{count} {chinese}"
    return f"{count} {one if count == 1 else many}"
