"""A secret that is shown once, put into a file of its owner's instead."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from service.cli.screen import INTERRUPTED, Failure

# Of the failure after which something may have been done.
RESULT_UNKNOWN: Final = "result_unknown"
_FILE_MODE: Final = 0o600


@contextlib.contextmanager
def kept(path: Path | None, text: str, *, code: str) -> Iterator[None]:
    """Make the file before the secret is in use, so that none is lost to a full disk.

    Args:
        path: A file that is not there yet; None where the secret is shown.
        text: The secret.
        code: Of the failure.

    Raises:
        Failure: The file cannot be made; or what is done meanwhile failed. Only where it is
            certain that the secret is not in use, the file goes.
    """
    if path is None:
        yield
        return
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE)
        with os.fdopen(file, "w") as opened:
            opened.write(f"{text}\n")
    except OSError as error:
        raise Failure(
            code,
            f"{path} cannot be made: {error.strerror}",
            then="name a file that is not there yet, in a folder this user may write in",
        ) from error
    try:
        yield
    except Failure as failure:
        if failure.code == RESULT_UNKNOWN:
            raise _in_use_perhaps(path, failure.what, status=failure.status) from failure
        path.unlink()
        raise
    except KeyboardInterrupt as error:
        what = "interrupted; it may have been done"
        raise _in_use_perhaps(path, what, status=INTERRUPTED) from error


def _in_use_perhaps(path: Path, what: str, *, status: int) -> Failure:
    """Return what to tell where nobody knows whether the secret is in use by now."""
    return Failure(
        RESULT_UNKNOWN,
        f"{what}; its text lies in {path}",
        then="list what there is: where it was made, keep the file, else remove it and repeat",
        status=status,
    )
