"""What the writer asks of strategies: which one decides, and what its start must put in force."""

from collections.abc import Callable
from typing import Final, NamedTuple

from keys.notes import Signer
from risk.strategy_content import NotAStrategy, Whole, packaged
from service.db.statements import Bound, Row
from service.rooms.strategies import store
from service.rooms.strategies.contract import ActivateStrategy, GoBack
from service.rooms.strategies.model import Desk, StrategyRefused, opened, signed, signer
from service.unit_of_work.commands import HOUSE

__all__ = [
    "IN_FORCE",
    "SWITCHING",
    "ActivateStrategy",
    "Desk",
    "Signer",
    "Start",
    "StrategyRefused",
    "activation",
    "at_start",
    "before",
    "desk",
    "opened",
    "signer",
]

IN_FORCE: Final = store.NEWEST(tenant_id=HOUSE)
"""The read of the row that decides."""
SWITCHING: Final = (ActivateStrategy, GoBack)
"""The commands after whose commit another strategy decides."""


def desk(seed: bytes) -> Desk:
    """Return what strategies are read with under the key of this seed."""
    return Desk(signer(seed).verifier, packaged())


class Start(NamedTuple):
    """What a writer that starts decides by.

    Attributes:
        whole: The strategy.
        is_new: It is not the one in force yet, and has to be put there.
        passed_over: Id of a strategy brought by hand that this software cannot judge by, and
            why; None where there is none.
    """

    whole: Whole
    is_new: bool
    passed_over: tuple[str, str] | None = None


def at_start(row: Row | None, by: Desk) -> Start:
    """Return what decides when a writer starts: what was brought by hand, where it fits.

    Args:
        row: The one in force; None in a new store.
        by: Whose signature counts, and what this software judges by itself.

    Raises:
        StrategyRefused: The row is not what was signed.
    """
    if row is None:
        return Start(by.own, is_new=True)
    passed_over = None
    try:
        found = opened(row, by)
    except NotAStrategy as error:
        if row["origin"] == "hand":
            passed_over = row["strategy_id"], str(error)
    else:
        if row["origin"] == "hand":
            # The code may decide otherwise since: then its id is new, and goes into the log.
            return Start(found, is_new=found.strategy.id != row["strategy_id"])
    is_new = by.own.strategy.id != row["strategy_id"]
    return Start(by.own, is_new=is_new, passed_over=passed_over)


def before(maybe: Callable[[Bound], Row | None]) -> Row | None:
    """Return the row that going back would put in force, if there is one."""
    newest = maybe(IN_FORCE)
    if newest is None or newest["back_to"] is None:
        return None
    return maybe(store.NUMBERED(tenant_id=HOUSE, number=newest["back_to"]))


def activation(start: Start, row: Row | None, by: Signer) -> ActivateStrategy:
    """Return the command that puts what a start decides by in force."""
    number = 1 if row is None else row["number"] + 1
    strategy_id, content = start.whole.strategy.id, start.whole.content
    return ActivateStrategy(
        number=number,
        strategy_id=strategy_id,
        content=content,
        note=signed(number, strategy_id, content, by),
    )
