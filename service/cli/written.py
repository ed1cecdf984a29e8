"""What a command writes where it is told to, looked at before the work that leads to it.

Whoever waits for a measurement must not lose it to a folder that is not there.
"""

import os
from pathlib import Path

from service.cli.screen import DONE, SOMETHING_FAILED, Failure, Screen


def check_file(file: Path | None) -> None:
    """Look whether a file can be written; changes nothing.

    Args:
        file: There already or not; None where none was asked for.

    Raises:
        Failure: It cannot.
    """
    if file is None:
        return
    if file.exists():
        is_usable = not file.is_dir() and os.access(file, os.W_OK)
    else:
        is_usable = _takes_files(file.parent)
    if not is_usable:
        raise _unusable(file, "it is a folder, or its own is not there or not this user's")


def check_folder(folder: Path, *files: str) -> None:
    """Look whether a folder, which need not be there, can hold files; changes nothing.

    Args:
        folder: It and those above it are made later.
        files: Names of what it is to hold.

    Raises:
        Failure: It cannot.
    """
    nearest = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not _takes_files(nearest):
        raise Failure(
            "folder_unusable",
            f"{folder} cannot be written: {nearest} is no folder, or not this user's",
            then="name a folder where this user may write",
        )
    for name in files:
        check_file(folder / name if folder.exists() else None)


def write_text(screen: Screen, file: Path | None, text: str) -> int:
    """Write a file beside a result that is shown all the same; return how the command ends.

    Args:
        screen: Told where it cannot be written.
        file: None where none was asked for.
        text: What it is to hold.
    """
    if file is None:
        return DONE
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        failure = _unusable(file, error.strerror or str(error))
        screen.note(f"{failure.what}; {failure.then}")
        return SOMETHING_FAILED
    return DONE


def _takes_files(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _unusable(file: Path, why: str) -> Failure:
    return Failure(
        "file_unusable",
        f"{file} cannot be written: {why}",
        then="name a file in a folder where this user may write",
    )
