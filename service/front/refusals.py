"""Answers to what never became a request, the same under both front ends. Repeat no value."""

from types import MappingProxyType
from typing import Final

import msgspec
from gunicorn.asgi import parser as cooperative
from gunicorn.http import errors as threads

from keys import entropy
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
from service.kernel.clock import Clock
from service.kernel.errors import Problem
from service.kernel.ids import new_id

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
    """The answers; each names the request that never was by an id of its own.

    Args:
        clock: When a request came, which leads its id.
    """

    def __init__(self, clock: Clock) -> None:
        self._texts: Final = Texts.load()
        self._clock: Final = clock

    def of(self, error: ParseError | threads.ParseException) -> bytes:
        """Return the answer to what could not be read as a request."""
        problem = _OTHERS.get(type(error), REQUEST_MALFORMED)
        return self._answer(problem)

    def timed_out(self) -> bytes:
        """Return the answer to a request that did not come whole in time."""
        return self._answer(REQUEST_TIMED_OUT)

    def _answer(self, problem: Problem) -> bytes:
        request_id = new_id("req", now=self._clock.now(), entropy=entropy.system)
        return _written(problem, self._texts, request_id)


def _written(problem: Problem, texts: Texts, request_id: str) -> bytes:
    words = texts.problems[problem.code]
    body = msgspec.json.encode(
        {
            "type": f"/problems/{problem.code}",
            "title": words.title.en,
            "status": problem.status,
            "code": problem.code,
            "detail": words.next.en,
            "request_id": request_id,
        }
    )
    head = (
        f"HTTP/1.1 {LINES[problem.status]}",
        "Connection: close",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"Content-Type: {PROBLEM_TYPE}",
        f"Content-Length: {len(body)}",
        f"Payguard-Request-Id: {request_id}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
