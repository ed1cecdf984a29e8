"""gunicorn's incremental HTTP/1.1 parser, and what it lets through that two servers read apart."""

import re
from typing import Final

from gunicorn.asgi.parser import InvalidHeader, ParseError, PythonProtocol
from typing_extensions import override

__all__ = ["ParseError", "Parser"]

_TOKEN: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+")
_NOT_IN_A_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ONE_ONE: Final = (1, 1)
_CHUNKED: Final = b"chunked"
_CONTINUE: Final = b"100-continue"


class UnmetExpectationError(ParseError):  # type: ignore[misc]  # gunicorn has no types
    """An Expect that nobody knows."""


class Parser(PythonProtocol):  # type: ignore[misc]  # gunicorn has no types
    """The parser with whole patterns where it walks over bytes, and stricter at the end.

    Beside what gunicorn refuses (both lengths, two lengths, stacked codings, bare LF, blanks
    before a colon, folding), this refuses every transfer coding but `chunked` alone, an HTTP/1.1
    request without Host, and a header's name that does not begin a line.
    """

    __slots__ = ("expects_continue",)

    @override
    def _is_valid_token(self, data: bytes) -> bool:
        return _TOKEN.fullmatch(data) is not None

    @override
    def _has_invalid_header_chars(self, value: bytes) -> bool:
        return _NOT_IN_A_VALUE.search(value) is not None

    @override
    def _finalize_headers(self) -> None:
        self.expects_continue = False
        host = codings = 0
        for name, value in self._headers_list:
            if name == b"host":
                host += 1
            elif name == b"transfer-encoding":
                codings += 1
                if codings > 1 or value.lower() != _CHUNKED:
                    raise InvalidHeader("a transfer coding other than chunked")
            elif name == b"expect":
                if value.lower() != _CONTINUE:
                    raise UnmetExpectationError("an unknown expectation")
                # RFC 9110 section 10.1.1: ignored in HTTP/1.0.
                self.expects_continue = self.http_version >= _ONE_ONE
        if host == 0 and self.http_version >= _ONE_ONE:
            # RFC 9112 section 3.2.
            raise InvalidHeader("no Host")
        super()._finalize_headers()

    @property
    def ahead(self) -> int:
        """Bytes that came behind the request that is being read."""
        return len(self._buffer)
