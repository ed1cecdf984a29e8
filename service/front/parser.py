"""gunicorn's incremental HTTP/1.1 parser, and what it lets through that two servers read apart."""

import re
from typing import Final

from gunicorn.asgi.parser import (
    InvalidHeader,
    LimitRequestHeaders,
    ParseError,
    PythonProtocol,
)
from typing_extensions import override

__all__ = ["ParseError", "Parser"]

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+")
_NOT_IN_A_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
# int() refuses thousands of digits with an error of its own.
_DIGITS: Final = re.compile(rb"[0-9]{1,4000}")
_ONE_ONE: Final = (1, 1)
_ONCE: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"content-type"})
_DECIDING: Final = _ONCE | {b"connection", b"expect"}


class UnmetExpectationError(ParseError):  # type: ignore[misc]  # gunicorn has no types
    """An Expect that nobody knows."""


class Parser(PythonProtocol):  # type: ignore[misc]  # gunicorn has no types
    """The parser, which reads a head that came whole at once, and is stricter at its end.

    Beside what gunicorn refuses (bare LF, blanks before a colon, folding, characters that no
    name or value has), this refuses every transfer coding but `chunked` alone, more than one of
    it, a length beside it, and an HTTP/1.1 request without Host.
    """

    expects_continue = False

    @override
    def _is_valid_token(self, data: bytes) -> bool:
        return _TOKEN.fullmatch(data) is not None

    @override
    def _has_invalid_header_chars(self, value: bytes) -> bool:
        return _NOT_IN_A_VALUE.search(value) is not None

    @override
    def _parse_headers(self) -> bool:
        buffer = self._buffer
        end = buffer.find(b"\r\n\r\n")
        if end < 0 or buffer.startswith(b"\r\n"):
            # Not whole yet, or without headers: gunicorn's way, line by line as they come.
            whole: bool = super()._parse_headers()
            return whole
        lines = bytes(buffer[:end]).split(b"\r\n")
        del buffer[: end + 4]
        self._scan_from = 0
        self._header_count += len(lines)
        if self._header_count > self._limit_request_fields:
            raise LimitRequestHeaders("too many headers")
        longest = self._limit_request_field_size - len(b"\r\n")
        for line in lines:
            if len(line) > longest:
                raise LimitRequestHeaders("a header is too large")
            name, colon, value = line.partition(b":")
            # A line break of another kind is in neither pattern.
            if not colon or _TOKEN.fullmatch(name) is None:
                raise InvalidHeader("a header's name")
            value = value.strip(b" \t")
            if _NOT_IN_A_VALUE.search(value) is not None:
                raise InvalidHeader("a header's value")
            self._headers_list.append((name.lower(), value))
        self._finalize_headers()
        return True

    @override
    def _finalize_headers(self) -> None:
        deciding: dict[bytes, bytes] = {}
        for name, value in self._headers_list:
            if name in _DECIDING:
                if name in deciding and name in _ONCE:
                    raise InvalidHeader("a header that decides came twice")
                deciding[name] = deciding[name] + b"," + value if name in deciding else value
        self.headers = self._headers_list
        is_one_one = self.http_version >= _ONE_ONE
        if is_one_one and b"host" not in deciding:
            # RFC 9112 section 3.2.
            raise InvalidHeader("no Host")
        expected = deciding.get(b"expect")
        if expected is not None and expected.lower() != b"100-continue":
            raise UnmetExpectationError("an unknown expectation")
        # RFC 9110 section 10.1.1: ignored in HTTP/1.0.
        self.expects_continue = expected is not None and is_one_one
        kept = deciding.get(b"connection", b"").lower()
        self.should_keep_alive = (
            b"close" not in kept if is_one_one else b"keep-alive" in kept and b"close" not in kept
        )
        self._frame(deciding.get(b"content-length"), deciding.get(b"transfer-encoding"))

    def _frame(self, length: bytes | None, coding: bytes | None) -> None:
        """Find out where the body ends, and tell that the head is whole.

        Raises:
            InvalidHeader: Two readers could find two ends.
        """
        if coding is not None:
            is_chunked = coding.lower() == b"chunked" and self.http_version >= _ONE_ONE
            if not is_chunked or length is not None:
                raise InvalidHeader("another transfer coding than chunked, or a length beside it")
            self.is_chunked = True
            self._body_remaining = -1
            self._state, self._chunk_state = "chunked", "size"
        elif length is not None:
            # Digits of ASCII: int() takes signs, underscores and other scripts.
            if _DIGITS.fullmatch(length) is None:
                raise InvalidHeader("a length that is no number")
            self.content_length = self._body_remaining = int(length)
            self._state = "body"
        is_empty = coding is None and not self.content_length
        if self._on_headers_complete is not None:
            self._on_headers_complete()
        if is_empty:
            self._state = "complete"
            self.is_complete = True

    @property
    def ahead(self) -> int:
        """Bytes that came behind the request that is being read."""
        return len(self._buffer)
