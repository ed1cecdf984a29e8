import datetime as dt
import json

import pytest
from gunicorn.asgi import parser as cooperative
from gunicorn.http import errors as threads

from service.front.refusals import Refusals
from service.http.problems import BY_SERVER
from service.kernel.clock import FrozenClock

NOW = dt.datetime(2026, 11, 25, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (cooperative.InvalidHeader("secret"), 400, "request_malformed"),
        (cooperative.UnsupportedTransferCoding("secret"), 400, "request_malformed"),
        (threads.UnsupportedTransferCoding("secret"), 400, "request_malformed"),
        (threads.InvalidRequestLine("secret"), 400, "request_malformed"),
        (cooperative.LimitRequestLine("secret"), 414, "target_too_long"),
        (threads.LimitRequestLine(9, 8), 414, "target_too_long"),
        (cooperative.LimitRequestHeaders("secret"), 431, "headers_too_large"),
        (threads.LimitRequestHeaders("secret"), 431, "headers_too_large"),
        (threads.ExpectationFailed("secret"), 417, "expectation_failed"),
    ],
)
def test_it_tells_what_kind_of_no_it_is_and_repeats_nothing(
    error: Exception, status: int, code: str
) -> None:
    head, _, body = Refusals(FrozenClock(NOW)).of(error).partition(b"\r\n\r\n")

    told = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert f"Content-Length: {len(body)}".encode() in head
    assert (told["status"], told["code"]) == (status, code)
    assert f"Payguard-Request-Id: {told['request_id']}".encode() in head
    assert b"secret" not in head + body
    # As docs/openapi.json has it: in no language that anybody asked for.
    assert code in {one.code for one in BY_SERVER}
    assert b"Content-Language" not in head


def test_who_is_too_slow_is_told_so() -> None:
    assert Refusals(FrozenClock(NOW)).timed_out().startswith(b"HTTP/1.1 408 ")
