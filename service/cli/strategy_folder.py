"""A strategy as a folder of files: read whole and checked, or written as a start. Never signs."""

from pathlib import Path
from typing import Final

from risk.models.container import unpack
from risk.models.manifest import Manifest, NotAModel
from risk.strategy_content import (
    FILES_MAX,
    MODEL_FILE,
    NotAStrategy,
    Whole,
    from_content,
    from_files,
    model_file,
    packaged,
    packaged_files,
)
from service.cli.database import last_commit
from service.cli.screen import Failure
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.db.stores import open_patient_reader
from service.rooms.strategies import queries
from service.settings import Settings

FILE_BYTES_MAX: Final = 1 << 20


def read_folder(folder: Path) -> Whole:
    """Return the strategy of a folder, after every check.

    Raises:
        Failure: It cannot be read, or is no strategy that this software can judge by.
    """
    try:
        return from_files(_files(folder), packaged().strategy.features)
    except NotAStrategy as error:
        raise Failure(
            "strategy_invalid",
            f"{folder} is no strategy: {error}",
            then="`payguard strategy new FOLDER` writes a whole one to start from",
        ) from error
    except OSError as error:
        raise Failure(
            "folder_unreadable",
            f"{folder} cannot be read: {error.strerror or error}",
            then="give the path of a strategy's folder that this user may read",
        ) from error


def write_start(folder: Path, model: Path | None = None) -> tuple[str, ...]:
    """Write the strategy that comes with the software into a new folder; return its files.

    Args:
        folder: Where to; it must not exist.
        model: File of a model that the strategy is to judge by.

    Raises:
        Failure: The folder exists, or cannot be written; or the model is none.
    """
    files = packaged_files()
    if model is not None:
        files[MODEL_FILE] = model_file(_manifest(model))
    try:
        folder.mkdir(parents=True, exist_ok=False)
        for path, written in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(written)
    except OSError as error:
        raise Failure(
            "folder_unusable",
            f"{folder} cannot be written: {error.strerror or error}",
            then="name a folder that does not exist, where this user may write",
        ) from error
    return tuple(files)


def _manifest(file: Path) -> Manifest:
    try:
        return unpack(file.read_bytes()).manifest
    except OSError as error:
        raise Failure(
            "file_unreadable",
            f"{file} cannot be read: {error.strerror or error}",
            then="give the path of a model's file that this user may read",
        ) from error
    except NotAModel as error:
        raise Failure(
            "model_invalid", f"{file} is no model: {error}", then="`payguard train` writes one"
        ) from error


def deciding(settings: Settings) -> Whole:
    """Return the strategy in force; the software's own where none is yet, or it does not fit.

    Its signature is the writer's business: nothing is decided here.

    Raises:
        Failure: The database cannot be read.
    """
    own = packaged()
    row = None if last_commit(settings) is None else queries.in_force(reader_of(settings))
    if row is None:
        return own
    try:
        return from_content(row["content"], own.strategy.features)
    except NotAStrategy:
        return own


def reader_of(settings: Settings) -> Reader:
    """Return a reader of the database.

    Raises:
        Failure: It cannot be read.
    """
    try:
        return open_patient_reader(settings.database)
    except StoreUnavailable as error:
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error


def _files(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below a folder, by its path inside it.

    A file of another name comes with them and is refused by name: it could be the rule that
    somebody relies on. Only what begins with a dot is passed over.
    """
    found: dict[str, bytes] = {}
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    for file in sorted(folder.rglob("*")):
        if not file.is_file() or file.name.startswith("."):
            continue
        if len(found) == FILES_MAX or file.stat().st_size > FILE_BYTES_MAX:
            raise NotAStrategy(f"it has more than {FILES_MAX} files, or one too large")
        found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found
