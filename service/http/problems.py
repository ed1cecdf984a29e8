"""Every no of the door, and how any no is told: RFC 9457 in two languages. Never echoes a value."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import msgspec

from service.kernel.errors import FieldError, Problem, Refusal

Language = Literal["en", "zh-CN"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
PROBLEM_TYPE: Final = "application/problem+json"

BODY_MALFORMED: Final = Problem("body_malformed", 400)
BODY_UNEXPECTED: Final = Problem("body_unexpected", 400)
QUERY_MALFORMED: Final = Problem("query_malformed", 400)
REQUEST_MALFORMED: Final = Problem("request_malformed", 400)
HEADER_INVALID: Final = Problem("header_invalid", 400)
CURSOR_INVALID: Final = Problem("cursor_invalid", 400)
IDEMPOTENCY_KEY_MISSING: Final = Problem("idempotency_key_missing", 400)
IDEMPOTENCY_KEY_MALFORMED: Final = Problem("idempotency_key_malformed", 400)
NOT_AUTHENTICATED: Final = Problem("not_authenticated", 401)
SCOPE_MISSING: Final = Problem("scope_missing", 403)
NOT_FOUND: Final = Problem("not_found", 404)
METHOD_NOT_ALLOWED: Final = Problem("method_not_allowed", 405)
REQUEST_TIMED_OUT: Final = Problem("request_timed_out", 408)
BODY_TOO_LARGE: Final = Problem("body_too_large", 413)
TARGET_TOO_LONG: Final = Problem("target_too_long", 414)
CONTENT_TYPE_UNSUPPORTED: Final = Problem("content_type_unsupported", 415)
EXPECTATION_FAILED: Final = Problem("expectation_failed", 417)
BODY_INVALID: Final = Problem("body_invalid", 422)
QUERY_INVALID: Final = Problem("query_invalid", 422)
CARD_NUMBER_NOT_ALLOWED: Final = Problem("card_number_not_allowed", 422)
RATE_LIMITED: Final = Problem("rate_limited", 429)
HEADERS_TOO_LARGE: Final = Problem("headers_too_large", 431)
INTERNAL_ERROR: Final = Problem("internal_error", 500)
COMMAND_FAULTED: Final = Problem("command_faulted", 500)
OVERLOADED: Final = Problem("overloaded", 503)
STORE_UNAVAILABLE: Final = Problem("store_unavailable", 503)
DEADLINE_PASSED: Final = Problem("deadline_passed", 503)
RESULT_UNKNOWN: Final = Problem("result_unknown", 503)

# What the server itself answers to what never became a request: in English, for no header of it
# was read.
BY_SERVER: Final = frozenset(
    {
        REQUEST_MALFORMED,
        REQUEST_TIMED_OUT,
        TARGET_TOO_LONG,
        EXPECTATION_FAILED,
        HEADERS_TOO_LARGE,
    }
)

# What an entry of `errors` may say; their texts stand beside those of the problems.
FIELD_CODES: Final = (
    "missing_field",
    "unknown_field",
    "wrong_type",
    "too_long",
    "too_short",
    "out_of_range",
    "bad_format",
    "bad_name",
    "not_allowed",
    "inconsistent",
    "duplicate_parameter",
    "duplicate_header",
    "card_number_not_allowed",
)

_TEXTS_AT: Final = Path(__file__).parent / "texts" / "problems.toml"


def door_problems() -> tuple[Problem, ...]:
    """Return every problem that the door itself answers with, by status and code."""
    found = [value for value in globals().values() if isinstance(value, Problem)]
    return tuple(sorted(found, key=lambda one: (one.status, one.code)))


class Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One text in both languages."""

    en: str
    zh: str

    def in_language(self, language: Language) -> str:
        """Return the text in that language."""
        return self.zh if language == "zh-CN" else self.en


class ProblemTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a problem is called, and what to do next."""

    title: Words
    next: Words


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    problems: dict[str, ProblemTexts]
    errors: dict[str, Words]


class ProblemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details; a problem may carry further public members.

    Attributes:
        type: Where the problem is explained, relative to this service.
        title: What is wrong, in the language of the answer.
        status: The HTTP status, repeated.
        code: Stable name of the problem; branch on this.
        detail: What to do next.
        request_id: Name it when you ask for help.
        errors: What is wrong by place: a JSON Pointer, or `header:` or `query:` and a name.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: tuple[FieldError, ...] = ()


class Texts:
    """The texts of problems and field errors in both languages; read once, at start."""

    def __init__(self, problems: Mapping[str, ProblemTexts], errors: Mapping[str, Words]) -> None:
        self.problems: Final = MappingProxyType(dict(problems))
        self.errors: Final = MappingProxyType(dict(errors))

    @classmethod
    def load(cls) -> "Texts":
        """Return the texts that ship with the service.

        Raises:
            msgspec.ValidationError: A text lacks a language or has a field too many.
        """
        file = msgspec.convert(tomllib.loads(_TEXTS_AT.read_text("utf-8")), _File)
        return cls(file.problems, file.errors)

    def missing(self, problems: Iterable[Problem]) -> list[str]:
        """Return the codes of problems without texts, for a check at start."""
        return sorted({one.code for one in problems} - self.problems.keys())

    def body(self, refusal: Refusal, *, language: Language, request_id: str) -> dict[str, Any]:
        """Return the members of the problem details of one refusal."""
        problem = refusal.problem
        texts = self.problems[problem.code]
        body: dict[str, Any] = {
            "type": f"/problems/{problem.code}",
            "title": texts.title.in_language(language),
            "status": problem.status,
            "code": problem.code,
            "detail": texts.next.in_language(language),
            "request_id": request_id,
        }
        if refusal.errors:
            body["errors"] = [self._error(one, language) for one in refusal.errors]
        # A member of ours is never overwritten by what a room adds.
        return {**refusal.fields, **body}

    def _error(self, error: FieldError, language: Language) -> dict[str, str]:
        words = self.errors.get(error.code)
        detail = words.in_language(language) if words else error.detail
        members = {"pointer": error.pointer, "code": error.code}
        return {**members, "detail": detail} if detail else members
