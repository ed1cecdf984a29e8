"""Checks one model against XGBoost and writes its arrays. Run as a child; nothing imports it.

A damaged booster can end the process that gives it to XGBoost, so the process does nothing else:
it has no database, no keys and no settings, and limits on what it may take.
"""

import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

from keys.notes import NotANote, Verifier, open_note
from service.kernel.signals import ends_with
from service.scoring.asked import WHY_CHARS_MAX, Answer, NotLoaded, Question

MIB: Final = 1 << 20
MEMORY_BYTES_MAX: Final = 4_096 * MIB
FILE_BYTES_MAX: Final = 600 * MIB
CPU_S_MAX: Final = 120


def bound() -> None:
    """Take away from this process what a check does not need."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, CPU_S_MAX),
        (resource.RLIMIT_FSIZE, FILE_BYTES_MAX),
        # A core would hold the model; what ends here is looked at by its exit status.
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    ends_with(os.getppid(), by=signal.SIGKILL)()


def check(asked: Question) -> Answer:
    """Return what came of a question.

    Raises:
        NotLoaded: The model cannot score here.
    """
    # Loaded behind the limits: importing XGBoost takes most of the memory of a check.
    from risk.feature import load_features  # noqa: PLC0415  behind the limits
    from risk.models import arrays  # noqa: PLC0415  behind the limits
    from risk.models.container import unpack  # noqa: PLC0415  behind the limits
    from risk.models.manifest import NotAModel, text_to_sign  # noqa: PLC0415  behind the limits

    try:
        parts = unpack(asked.file)
        if asked.verifier_key is not None:
            _verify(text_to_sign(parts.id), asked)
        features = load_features()
        if parts.manifest.feature_set != features.id:
            told = parts.manifest.feature_set
            raise NotLoaded("wrong_features", f"it reads {told}, and this is {features.id}")
        from risk.offline.check import check_model  # noqa: PLC0415  behind the limits

        model = check_model(asked.file, features)
    except NotAModel as error:
        raise NotLoaded("model_refused", str(error)) from error
    if asked.folder is None:
        return Answer(model=model.id)
    try:
        written = arrays.write(Path(asked.folder), model)
    except (OSError, NotAModel) as error:
        raise NotLoaded("arrays_unusable", str(error)) from error
    return Answer(model=model.id, arrays=written.name)


def _verify(text: str, asked: Question) -> None:
    try:
        assert asked.verifier_key is not None
        signed = open_note(asked.note or "", [Verifier.of(asked.verifier_key)])
    except NotANote as error:
        raise NotLoaded("model_unsigned", str(error)) from error
    if signed != text:
        raise NotLoaded("model_unsigned", "the note is over another model")


def main() -> int:
    """Answer the question on standard input, on standard output."""
    bound()
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Question)
    try:
        answer = check(asked)
    except NotLoaded as refused:
        answer = Answer(why=refused.why, what=str(refused)[:WHY_CHARS_MAX])
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
