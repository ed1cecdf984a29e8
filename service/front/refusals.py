"""Answers to what never became a request, the same under both front ends. Repeat no value."""

from types import MappingProxyType
from typing import Final

import msgspec
from gunicorn.asgi import parser as cooperative
from gunicorn.http import errors as threads

from service.front.parser import ParseError, UnmetExpectationError
from service.http.outgoing import LINES
from service.http.problems import (
    EXPECTATION_FAILED,
    HEADERS_TOO_LARGE,
    PROBLEM_TYPE,
    REQUEST_MALFORMED,
    REQUEST_TIMED_OUT,
    TARGET_TOO_LONG,
    Texts,
)
from service.kernel.errors import Problem

# What gunicorn raises for what is neither malformed nor a mistake of ours.
_OTHERS: Final = MappingProxyType(
    {
        cooperative.LimitRequestLine: TARGET_TOO_LONG,
        threads.LimitRequestLine: TARGET_TOO_LONG,
        cooperative.LimitRequestHeaders: HEADERS_TOO_LARGE,
        threads.LimitRequestHeaders: HEADERS_TOO_LARGE,
        UnmetExpectationError: EXPECTATION_FAILED,
        threads.ExpectationFailed: EXPECTATION_FAILED,
    }
)


class Refusals:
    """The answers, written once."""

    def __init__(self) -> None:
        texts = Texts.load()
        problems = {*_OTHERS.values(), REQUEST_MALFORMED, REQUEST_TIMED_OUT}
        self._answers: Final = {one.code: _answer(one, texts) for one in problems}

    def of(self, error: ParseError | threads.ParseException) -> bytes:
        """Return the answer to what could not be read as a request."""
        problem = _OTHERS.get(type(error), REQUEST_MALFORMED)
        return self._answers[problem.code]

    def timed_out(self) -> bytes:
        """Return the answer to a request that did not come whole in time."""
        return self._answers[REQUEST_TIMED_OUT.code]


def _answer(problem: Problem, texts: Texts) -> bytes:
    words = texts.problems[problem.code]
    body = msgspec.json.encode(
        {
            "type": f"/problems/{problem.code}",
            "title": words.title.en,
            "status": problem.status,
            "code": problem.code,
            "detail": words.next.en,
        }
    )
    head = (
        f"HTTP/1.1 {LINES[problem.status]}",
        "Connection: close",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Content-Type: {PROBLEM_TYPE}",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
