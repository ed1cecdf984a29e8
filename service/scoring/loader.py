"""From a model in the store to one that is mapped: by way of a child that checks it. No SQL."""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import msgspec

from keys.notes import Verifier
from risk.models.arrays import Mapped, map_model, remove_leftovers, remove_superseded
from risk.models.manifest import NotAModel
from service.db.store import StoreUnavailable
from service.scoring.asked import NotLoaded, Question
from service.scoring.shelf import Shelf
from service.scoring.supervise import check

FOLDER_MODE: Final = 0o700
OTHERS_WRITE: Final = 0o022


class Kept(Protocol):
    """A model as the store keeps it."""

    @property
    def file(self) -> bytes:
        """Its file."""
        ...

    @property
    def note(self) -> str:
        """The signed note over its id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """Brings models to the shelf.

    Attributes:
        find: Returns what the store keeps of a model, by its id.
        verifier: Whose signature over models counts.
        folder: Where arrays are written, for its owner only.
        shelf: Where models are put.
    """

    find: Callable[[str], Kept | None]
    verifier: Verifier
    folder: Path
    shelf: Shelf

    def load(self, model_id: str, *, in_force: str | None) -> None:
        """Check a model and map it; the shelf then says that it may score, or why not.

        Args:
            model_id: Of the model.
            in_force: The one that judges now, which stays on the shelf.
        """
        try:
            self.shelf.put(model_id, self._mapped(model_id), in_force=in_force)
        except NotLoaded as refused:
            self.shelf.refuse(model_id, refused)
        except (StoreUnavailable, msgspec.DecodeError, ValueError) as error:
            self.shelf.refuse(model_id, NotLoaded("model_unreadable", type(error).__name__))

    def _mapped(self, model_id: str) -> Mapped:
        kept = self.find(model_id)
        if kept is None:
            raise NotLoaded("model_missing", f"there is no model {model_id}")
        try:
            self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            told = self.folder.stat()
            remove_leftovers(self.folder)
        except OSError as error:
            raise NotLoaded("arrays_unusable", str(error.strerror)) from error
        if told.st_uid != os.geteuid() or told.st_mode & OTHERS_WRITE:
            # Whoever may write here could change the numbers that were checked.
            raise NotLoaded("arrays_unusable", f"{self.folder} is not this user's alone")
        sound = check(
            Question(
                file=kept.file,
                folder=str(self.folder.absolute()),
                note=kept.note,
                verifier_key=self.verifier.verifier_key,
            )
        )
        if sound.model != model_id or sound.arrays is None:
            raise NotLoaded("model_refused", f"the store has {sound.model} for {model_id}")
        try:
            mapped = map_model(sound.arrays)
        except (NotAModel, OSError) as error:
            raise NotLoaded("arrays_unusable", str(error)) from error
        # The model scores, whether or not the room is won back.
        with contextlib.suppress(OSError):
            remove_superseded(sound.arrays)
        return mapped
