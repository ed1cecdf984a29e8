"""Where a command works: the settings of its environment and the data folder. Makes no database."""

import os
from pathlib import Path
from typing import Final

from service.cli.screen import Failure
from service.settings import Settings, SettingsInvalid, read_settings

FOLDER_MODE: Final = 0o700
_EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  compared, not bound


def reachable(host: str) -> str:
    """Return the address by which this machine reaches what listens on a host."""
    return _EVERY_ADDRESS.get(host, host)


def current_settings() -> Settings:
    """Return the settings of this process's environment.

    Raises:
        Failure: A setting is unknown or out of its range.
    """
    try:
        return read_settings(os.environ)
    except SettingsInvalid as error:
        raise Failure(
            "settings_invalid", f"{error}", then="correct or unset it, then run this again"
        ) from error


def make_data_folder(folder: Path) -> None:
    """Make the data folder, readable by its owner only, unless it is there.

    Raises:
        Failure: It cannot be made or is not ours to write in.
    """
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(
            "data_folder_unusable",
            f"the data folder {folder} cannot be made: {error.strerror}",
            then="set PAYGUARD_DATA_DIR to a folder that this user may write in",
        ) from error
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise Failure(
            "data_folder_unusable",
            f"this user may not write in the data folder {folder}",
            then="`chown` the folder to this user, or set PAYGUARD_DATA_DIR to another",
        )
