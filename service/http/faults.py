"""Says of an exception what a log may know: types and places. Never its text or its values."""

from types import TracebackType
from typing import Final

FRAMES_MAX: Final = 20


def kinds(error: BaseException | None) -> list[str]:
    """Return the types of an exception and of what led to it, newest first."""
    names: list[str] = []
    while error is not None and len(names) < FRAMES_MAX:
        names.append(type(error).__qualname__)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return names


def places(trace: TracebackType | None) -> list[str]:
    """Return where an exception passed, as module, function and line, innermost last."""
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        module = trace.tb_frame.f_globals.get("__name__", "")
        found.append(f"{module}:{code.co_name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found[-FRAMES_MAX:]
