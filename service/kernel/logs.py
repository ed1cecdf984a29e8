"""One JSON line per event, with secrets left out. Never configures anything global."""

import functools
import logging
import re
import threading
from collections.abc import Callable, MutableMapping
from typing import Any, BinaryIO, Final

import msgspec
import structlog
from structlog.typing import FilteringBoundLogger, Processor

from service.kernel.clock import Clock

REDACTED: Final = "[redacted]"
MISNAMED: Final = "misnamed_event"

_DEPTH_MAX: Final = 8
_NAMES_MAX: Final = 1_024
_EVENT: Final = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
# Names whose values never reach a log, alone or as the last word of a name: `phone`,
# `payer_phone`.
# fmt: off
_SECRET_WORDS: Final = frozenset(
    (
        "address", "authorization", "body", "card", "cookie", "cursor", "cvc", "cvv", "digits",
        "dpop", "email", "fingerprint", "iban", "key", "name", "otp", "pan", "passphrase",
        "password", "payload", "phone", "pin", "proof", "query", "secret", "seed", "signature",
        "token", "url", "card_number", "phone_number", "otp_code", "reset_code", "user_agent",
    )
)
# fmt: on

Event = MutableMapping[str, Any]


def logger(
    *, stream: BinaryIO, clock: Clock, level: int = logging.INFO, **bound: str
) -> FilteringBoundLogger:
    """Return a logger that writes one JSON line per event to a byte stream.

    Events are constant snake_case names; what differs goes into fields. A name of another form
    is written as MISNAMED, since it may have been built from a value.

    Args:
        stream: Where lines go, such as `sys.stderr.buffer`; written and flushed line by line.
        clock: Gives each line its time, in UTC.
        level: Events below it are dropped.
        bound: Fields that every line carries, such as the process's name.
    """
    processors: list[Processor] = [_line(clock)]
    made: FilteringBoundLogger = structlog.wrap_logger(
        _Lines(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        context_class=dict,
        cache_logger_on_first_use=True,
    ).bind(**bound)
    return made


class _Lines:
    """Writes lines to a stream; one that it cannot take is dropped and counted.

    A log that is full or gone must not decide over payments: what they did is in the entries.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._guard = threading.Lock()
        self._dropped = 0

    def msg(self, line: bytes) -> None:
        """Write one line, and how many were dropped before it."""
        with self._guard:
            try:
                if self._dropped:
                    line = b'{"event":"lines_dropped","lines":%d}\n' % self._dropped + line
                self._stream.write(line + b"\n")
                self._stream.flush()
            except OSError:
                self._dropped += 1
            else:
                self._dropped = 0

    debug = info = warning = error = critical = exception = log = msg


class Bridge(logging.Handler):
    """Carries what libraries log by the standard module into our lines, without their arguments.

    A library's arguments may hold anything (gunicorn names request lines, SQLAlchemy values), so
    only logger, level, the type of an exception and the unfilled template go through.
    """

    def __init__(self, log: FilteringBoundLogger) -> None:
        super().__init__()
        self._log: Final = log

    def emit(  # type: ignore[explicit-override]  # typing.override is newer than our floor
        self, record: logging.LogRecord
    ) -> None:
        """Write one record as one line."""
        fault = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
        template = record.msg if record.args and isinstance(record.msg, str) else None
        self._log.log(
            record.levelno, "library_event", library=record.name, template=template, fault=fault
        )


def _line(clock: Clock) -> Callable[[Any, str, Event], bytes]:
    """Return the one processor: time, level and name first, then the fields without secrets."""

    def line(_: Any, level: str, event: Event) -> bytes:
        name = event.pop("event")
        members = {
            "at": clock.now(),
            "level": level,
            "event": name if _is_name(name) else MISNAMED,
        }
        for field, value in event.items():
            members[field] = _clean(field, value, 0)
        return _encode(members)

    return line


def _clean(name: str, value: Any, depth: int) -> Any:
    if _is_secret(name):
        return None if value is None else REDACTED
    if isinstance(value, dict):
        if depth == _DEPTH_MAX:
            return REDACTED
        return {str(key): _clean(str(key), one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple) and not all(isinstance(one, str | int) for one in value):
        return [_clean("", one, depth + 1) for one in value]
    return value


# Names are constants in the code, so these remember all there are.
@functools.lru_cache(maxsize=_NAMES_MAX)
def _is_secret(name: str) -> bool:
    return name in _SECRET_WORDS or name.rpartition("_")[2] in _SECRET_WORDS


@functools.lru_cache(maxsize=_NAMES_MAX)
def _is_name(event: str) -> bool:
    return _EVENT.fullmatch(event) is not None


def _kind(value: object) -> str:
    # Never a repr: it may hold what the fields' names promised not to.
    return f"<{type(value).__qualname__}>"


_encode: Final = msgspec.json.Encoder(enc_hook=_kind).encode
