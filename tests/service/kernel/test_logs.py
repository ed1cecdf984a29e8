import datetime as dt
import errno
import io
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from structlog.typing import FilteringBoundLogger

from service.kernel.clock import FrozenClock
from service.kernel.logs import MISNAMED, REDACTED, Bridge, logger

NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)


@pytest.fixture
def stream() -> io.BytesIO:
    return io.BytesIO()


@pytest.fixture
def log(stream: io.BytesIO) -> FilteringBoundLogger:
    return logger(stream=stream, clock=FrozenClock(NOW), process="front_end")


@pytest.fixture
def written(stream: io.BytesIO) -> Callable[[], list[dict[str, Any]]]:
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_time_in_utc(log: Any, written: Any) -> None:
    log.info("payment_held", payment_id="pay_1", tries_left=3)

    assert written() == [
        {
            "at": "2026-11-24T08:00:00Z",
            "event": "payment_held",
            "level": "info",
            "process": "front_end",
            "payment_id": "pay_1",
            "tries_left": 3,
        }
    ]


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "token",
        "payment_token",
        "api_key",
        "idempotency_key",
        "client_secret",
        "authorization",
        "cookie",
        "otp",
        "otp_code",
        "card_number",
        "pan",
        "cvv",
        "payer_phone",
        "email",
        "payee_name",
        "user_agent",
        "body",
        "url",
    ],
)
def test_what_a_name_calls_secret_is_not_written(
    log: Any, written: Any, stream: io.BytesIO, name: str
) -> None:
    log.info("factor_refused", **{name: "hunter2"})
    log.info("factor_refused", inner={"list": [{name: {"deeper": "hunter2"}}]})

    assert b"hunter2" not in stream.getvalue()
    assert written()[0][name] == REDACTED


@pytest.mark.parametrize("name", ["key_id", "code", "token_state", "request_id", "batch", "route"])
def test_ids_and_codes_are_written(log: Any, written: Any, name: str) -> None:
    log.info("factor_refused", **{name: "plain"})

    assert written()[0][name] == "plain"


@pytest.mark.parametrize("event", ["payer hunter2 came", "Payment", "a_" * 3, "", "über"])
def test_an_event_that_is_no_constant_name_is_not_written(
    log: Any, written: Any, event: str
) -> None:
    log.info(event)

    assert written()[0]["event"] == MISNAMED


def test_a_value_that_json_does_not_know_is_written_by_its_type(log: Any, written: Any) -> None:
    class Holder:
        def __repr__(self) -> str:
            return "hunter2"

    log.info("odd_value", held=Holder(), fault=ValueError("hunter2"))

    assert written()[0]["fault"] == "<ValueError>"
    assert "hunter2" not in json.dumps(written())


def test_too_deep_a_value_is_cut(log: Any, stream: io.BytesIO) -> None:
    deep: dict[str, Any] = {"inner": "hunter2"}
    for _ in range(20):
        deep = {"inner": deep}

    log.info("deep_value", outer=deep)

    assert b"hunter2" not in stream.getvalue()


def test_a_new_line_in_a_value_does_not_begin_a_line(log: Any, stream: io.BytesIO) -> None:
    log.info("odd_value", reason='a\n{"event": "forged"}\u2028')

    assert stream.getvalue().count(b"\n") == 1


def test_what_is_below_the_level_is_not_written(stream: io.BytesIO) -> None:
    quiet = logger(stream=stream, clock=FrozenClock(NOW), level=logging.WARNING)

    quiet.info("payment_held")

    assert stream.getvalue() == b""


def test_libraries_lines_come_without_their_arguments(
    log: Any, written: Any, stream: io.BytesIO
) -> None:
    library = logging.Logger("gunicorn.error")  # noqa: LOG001  no other test is to see it
    library.addHandler(Bridge(log))

    library.warning("Invalid request from ip=%s: %s", "203.0.113.9", "hunter2")
    library.error(f"plain {'hunter2'}")
    try:
        raise KeyError("hunter2")  # noqa: TRY301  a library does
    except KeyError:
        library.exception("while handling")

    lines = written()
    assert b"hunter2" not in stream.getvalue()
    assert lines[0]["template"] == "Invalid request from ip=%s: %s"
    assert (lines[0]["library"], lines[0]["level"]) == ("gunicorn.error", "warning")
    assert lines[1]["template"] is None
    assert lines[2]["fault"] == "KeyError"


class Full(io.BytesIO):
    """A stream on a disk that is full for a while."""

    is_full = False

    def write(self, data: Any, /) -> int:
        if self.is_full:
            raise OSError(errno.ENOSPC, "no space left on device")
        return super().write(data)


def test_a_stream_that_takes_nothing_stops_nobody_and_is_told_of_later() -> None:
    stream = Full()
    log = logger(stream=stream, clock=FrozenClock(NOW))
    log.info("before")
    stream.is_full = True
    log.info("lost")
    log.error("lost_too")
    stream.is_full = False
    log.info("after")
    log.info("later")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["before", "lines_dropped", "after", "later"]
    assert lines[1]["lines"] == 2
