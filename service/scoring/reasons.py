"""Models mapped by a front end, for exact reasons of committed judgements. Scores nothing."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.models.arrays import Mapped, find, map_model
from risk.models.manifest import HeadName, NotAModel

TOLD_MAX: Final = 5
MAPPED_MAX: Final = 4
# A model that is not at hand is looked for again this often: the writer's child may be at it.
LOOK_AGAIN_NS: Final = 5_000_000_000


class Because(NamedTuple):
    """What one input added to a margin.

    Attributes:
        name: Of the input.
        value: What stood there; None where it was missing.
        typical: What normal payments usually have there; None where that is not known.
        contribution: In margin units (log odds).
    """

    name: str
    value: float | None
    typical: float | None
    contribution: float


class Reasons:
    """Gives the reasons of scores; one for a process, safe to share by threads.

    Args:
        folder: Where the writer's child puts arrays.
        monotonic_ns: Bounds how often a missing file is looked for.
    """

    def __init__(self, folder: Path, *, monotonic_ns: Callable[[], int]) -> None:
        self._folder = folder
        self._monotonic_ns = monotonic_ns
        self._guard = threading.Lock()
        self._mapped: dict[str, Mapped] = {}
        self._missed_ns: dict[str, int] = {}

    def mapped(self, model_id: str) -> Mapped | None:
        """Return a model, mapped; None where no sound file of it is at hand."""
        now_ns = self._monotonic_ns()
        with self._guard:
            found = self._mapped.get(model_id)
            missed_ns = self._missed_ns.get(model_id)
        if found is not None:
            return found
        if missed_ns is not None and now_ns - missed_ns < LOOK_AGAIN_NS:
            return None
        # It reads a file: whoever has a model at hand does not wait for that.
        found = self._map(model_id)
        with self._guard:
            if found is None:
                if len(self._missed_ns) >= MAPPED_MAX:
                    self._missed_ns.clear()
                self._missed_ns[model_id] = now_ns
                return None
            while len(self._mapped) >= MAPPED_MAX:
                del self._mapped[next(iter(self._mapped))]
            self._mapped[model_id] = found
        return found

    def _map(self, model_id: str) -> Mapped | None:
        try:
            path = find(self._folder, model_id)
            mapped = None if path is None else map_model(path)
        except (OSError, NotAModel):
            return None
        return mapped if mapped is not None and mapped.id == model_id else None


def strongest(
    mapped: Mapped, head: HeadName, row: npt.NDArray[np.float32], *, most: int = TOLD_MAX
) -> tuple[Because, ...]:
    """Return what moved a head's margin the most, the strongest first; what moved nothing is not.

    Args:
        mapped: The model.
        head: One that it has.
        row: Shape (inputs,), float32; NaN where a value is missing.
        most: How many.
    """
    typical = mapped.manifest.typical or (None,) * len(row)
    added = mapped.explain(head, row).contributions
    order = np.argsort(-np.abs(added), kind="stable")[:most]
    return tuple(
        Because(
            name=mapped.manifest.inputs[place],
            value=None if np.isnan(row[place]) else float(row[place]),
            typical=typical[place],
            contribution=float(added[place]),
        )
        for place in order.tolist()
        if added[place] != 0.0
    )
