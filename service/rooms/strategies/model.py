"""The signature over a strategy that decides, and what a row is worth. Pure.

The signature is over the number as well: a strategy that was signed once cannot be put in force
again by whoever may write rows but has no key. It is over the origin, which says whether an upgrade
of the software replaces it.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from keys.notes import NotANote, Signer, Verifier, open_note, sign_note
from risk.feature import FeatureSet
from risk.strategy import ENGINE_VERSION
from risk.strategy_content import (
    NotAStrategy,
    Whole,
    WrongFeatures,
    from_content,
    packaged,
    read_content,
)
from service.rooms.strategies.contract import Activation, Origin

KEY_NAME: Final = "payguard-strategy"
_HEAD: Final = "payguard strategy"


class StrategyRefused(Exception):  # noqa: N818  says what was done with it
    """A strategy is not what was signed, so nothing may be judged by it; the sentence says why."""


class Desk(NamedTuple):
    """What a strategy is read with.

    Attributes:
        verifier: Whose signature counts.
        own: The strategy that comes with this software.
    """

    verifier: Verifier
    own: Whole

    @property
    def features(self) -> FeatureSet:
        """What this software computes."""
        return self.own.strategy.features

    def origin(self, strategy_id: str) -> Origin:
        """Return where a strategy comes from: only the software's own changes with it."""
        return origin_of(strategy_id, self.own)


def origin_of(strategy_id: str, own: Whole) -> Origin:
    """Return where a strategy comes from, beside the one that comes with the software."""
    return "packaged" if strategy_id == own.strategy.id else "hand"


def signer(seed: bytes) -> Signer:
    """Return the key that signs strategies, of the 32 bytes that the root key gives for it."""
    return Signer(KEY_NAME, seed)


def signed(
    number: int, strategy_id: str, content: bytes, by: Signer, *, origin: Origin | None = None
) -> str:
    """Return the signed note under which a strategy decides.

    Args:
        number: Under which it is to decide.
        strategy_id: Of the content.
        content: Its canonical bytes.
        by: The key.
        origin: None for what this software takes it for.
    """
    origin = origin or origin_of(strategy_id, packaged())
    return sign_note(_text(number, strategy_id, origin, content), by)


def opened(row: Mapping[str, Any], desk: Desk) -> Whole:
    """Return the strategy of a row, after its signature was verified.

    Args:
        row: Has number, strategy_id, content and note.
        desk: Whose signature counts, and what this software computes.

    Raises:
        StrategyRefused: The row is not what was signed.
        WrongFeatures: It is what was signed, for other features than this software's.
        NotAStrategy: It is what was signed, and this software cannot judge by it.
    """
    check_signature(row, desk.verifier)
    found = from_content(row["content"], desk.features)
    kept = read_content(row["content"])
    if kept.engine_version == ENGINE_VERSION and found.strategy.id != row["strategy_id"]:
        raise StrategyRefused(
            f"strategy {row['strategy_id']} has the content of {found.strategy.id}"
        )
    return found


def check_signature(row: Mapping[str, Any], verifier: Verifier) -> None:
    """Verify a row's signature.

    Raises:
        StrategyRefused: It does not hold, or the row is not what was signed.
    """
    try:
        text = open_note(row["note"], [verifier])
    except NotANote as error:
        raise StrategyRefused(
            f"the signature of strategy {row['strategy_id']} (number {row['number']}) does not"
            f" hold: {error}"
        ) from error
    if text != _text(row["number"], row["strategy_id"], row["origin"], row["content"]):
        raise StrategyRefused(
            f"strategy {row['strategy_id']} (number {row['number']}) is not what was signed"
        )


def unfit(error: NotAStrategy) -> str:
    """Return the word for why a strategy that is well signed cannot decide here."""
    return "wrong_features" if isinstance(error, WrongFeatures) else "malformed"


def shown(row: Mapping[str, Any]) -> Activation:
    """Return a row as it is told."""
    activated_at: dt.datetime = row["activated_at"]
    return Activation(
        number=row["number"],
        strategy_id=row["strategy_id"],
        origin=row["origin"],
        how=row["how"],
        back_to=row["back_to"],
        activated_by=row["activated_by"],
        activated_at=activated_at,
    )


def _text(number: int, strategy_id: str, origin: str, content: bytes) -> str:
    digest = hashlib.sha256(content).hexdigest()
    return f"{_HEAD}\n{number}\n{strategy_id}\n{origin}\n{digest}\n"
