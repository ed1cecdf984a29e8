"""Models that are mapped and may score, and why others may not. Loads nothing by itself."""

import threading
from typing import Final

from risk.models.arrays import Mapped
from service.scoring.asked import NotLoaded, Why

# The one in force, those before it to go back to, and one that is tried.
MAPPED_MAX: Final = 8


class Shelf:
    """What is known of each model, by its id. Loaders write, the writer's thread reads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._mapped: dict[str, Mapped] = {}
        self._whys: dict[str, Why] = {}

    def put(self, model_id: str, mapped: Mapped, *, in_force: str | None = None) -> None:
        """Keep a model that was checked; of the others the one that was put longest ago goes.

        Args:
            model_id: Of the model.
            mapped: It itself.
            in_force: By which payments are judged now, and which stays therefore.
        """
        with self._guard:
            self._whys.pop(model_id, None)
            self._mapped.pop(model_id, None)
            if in_force in self._mapped:
                self._mapped[in_force] = self._mapped.pop(in_force)
            self._mapped[model_id] = mapped
            while len(self._mapped) > MAPPED_MAX:
                del self._mapped[next(iter(self._mapped))]

    def refuse(self, model_id: str, refused: NotLoaded) -> None:
        """Note why a model may not score; one that is mapped already stays, being sound."""
        with self._guard:
            self._whys.pop(model_id, None)
            self._whys[model_id] = refused.why
            while len(self._whys) > MAPPED_MAX:
                del self._whys[next(iter(self._whys))]

    def mapped(self, model_id: str) -> Mapped | None:
        """Return a model that may score, if it is at hand."""
        with self._guard:
            return self._mapped.get(model_id)

    def why_not(self, model_id: str) -> Why | None:
        """Return why a model may not score; None when it may."""
        with self._guard:
            if model_id in self._mapped:
                return None
            return self._whys.get(model_id, "model_missing")
