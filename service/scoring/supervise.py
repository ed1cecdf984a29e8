"""Runs the check of a model in a child process, within limits. Never loads XGBoost itself."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from service.scoring.asked import ANSWER_BYTES_MAX, Answer, NotLoaded, Question

CHECK_S: Final = 60.0
_PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "LANG", "TMPDIR")


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is sound.

    Attributes:
        model: Its id.
        arrays: File of its arrays; None where none were asked for.
    """

    model: str
    arrays: Path | None


def check(asked: Question, *, timeout_s: float = CHECK_S) -> Checked:
    """Have a model checked: signature, hashes, structure, and every score bit for bit.

    Args:
        asked: The file, and what to compare it with.
        timeout_s: After this the child is killed.

    Raises:
        NotLoaded: It is not sound, or its check did not end by itself.
    """
    answer = _answer(msgspec.msgpack.encode(asked), timeout_s)
    if answer.why is not None:
        raise NotLoaded(answer.why, answer.what)
    if answer.model is None:
        raise NotLoaded("check_ended", "the check named no model")
    arrays = None
    if asked.folder is not None and answer.arrays is not None:
        arrays = Path(asked.folder) / Path(answer.arrays).name
    return Checked(model=answer.model, arrays=arrays)


def _answer(question: bytes, timeout_s: float) -> Answer:
    # Nothing of ours is passed on: the child needs no address and no key.
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # -P: a folder `service` where this was started must not be taken for ours.
    command = (sys.executable, "-P", "-m", "service.scoring.child")
    try:
        ended = subprocess.run(  # noqa: S603  our own module
            command,
            input=question,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotLoaded("check_late", f"the check took more than {timeout_s:.0f} s") from None
    except OSError as error:
        raise NotLoaded("check_ended", f"no check could be started: {error.strerror}") from error
    if ended.returncode != 0 or len(ended.stdout) > ANSWER_BYTES_MAX:
        raise NotLoaded("check_ended", f"the check ended with status {ended.returncode}")
    try:
        return msgspec.json.decode(ended.stdout, type=Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise NotLoaded("check_ended", "the check said nothing that can be read") from None
