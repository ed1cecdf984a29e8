"""What the writer asks of models: what is kept of one, and whose signature counts."""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from keys.notes import Verifier
from service.db.statements import Bound, Row
from service.rooms.models import store
from service.rooms.models.contract import NoteScorer, ScorerState
from service.rooms.models.model import ID_HEAD, signer
from service.unit_of_work.commands import HOUSE

__all__ = ["NEWEST_SCORER", "SIMULATED", "NoteScorer", "ScorerState", "find", "verifier"]

SIMULATED: Final = "simulated"
NEWEST_SCORER: Final = store.NEWEST_SCORER(tenant_id=HOUSE)
"""The read of the newest note of the scorer."""


class Found(NamedTuple):
    """A model as it is kept; nothing of it is checked."""

    file: bytes
    note: str


def verifier(seed: bytes) -> Verifier:
    """Return whose signature over models counts, of the seed that the root key gives."""
    return signer(seed).verifier


def find(model_id: str, fetch: Callable[[Bound], list[Row]]) -> Found | None:
    """Return what the store keeps of a model; None where it has no such model.

    Whoever loads it compares digests and signature: a part that is lost is missing in the file.
    """
    rows = fetch(store.MODEL(tenant_id=HOUSE, sha256=model_id.removeprefix(ID_HEAD)))
    if not rows:
        return None
    parts = []
    for sha256 in msgspec.json.decode(rows[0]["parts"], type=tuple[str, ...]):
        parts += [part["content"] for part in fetch(store.PART(tenant_id=HOUSE, sha256=sha256))]
    return Found(file=b"".join(parts), note=rows[0]["note"])
