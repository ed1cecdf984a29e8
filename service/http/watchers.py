"""What is known of a request once it was answered, for those who count and log. Never its path."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec


class Log(Protocol):
    """Writes one event a line; a structlog logger is one."""

    def info(self, event: str, **fields: Any) -> Any:
        """Write what happened."""
        ...

    def error(self, event: str, **fields: Any) -> Any:
        """Write what went wrong on our side."""
        ...


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a request once it was answered; watchers count and log it.

    Attributes:
        method: HTTP method, `OTHER` where it is none of the usual.
        route: Path template, or UNMATCHED; never the path itself.
        status: HTTP status.
        duration_ns: From the first look at it to the answer.
        request_id: Its id.
        code: Code of the problem, if it was refused.
        batch: Batch that was committed for it, if any.
        merchant_id: Who called, where that is known.
    """

    method: str
    route: str
    status: int
    duration_ns: int
    request_id: str
    code: str | None
    batch: str | None
    merchant_id: str | None


Watcher = Callable[[Answered], None]
