"""What rooms' jobs hand to the worker: a command whose time has come. Plain values."""

from typing import Final, NamedTuple

from service.unit_of_work.commands import HOUSE, Call, Command, Mode

TIMER: Final = "timer"


class Due(NamedTuple):
    """Something whose time has come.

    Attributes:
        subject: What it is about; one that faults is left alone for a while.
        command: What is to be done.
        call: In whose name.
    """

    subject: str
    command: Command
    call: Call


def by_timer(tenant_id: str = HOUSE, merchant_id: str = HOUSE, mode: Mode = "live") -> Call:
    """Return the call of a timer: in the house's own name, or in that of whose row is due."""
    return Call(
        principal=TIMER,
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        mode=mode,
        origin="worker",
        request_id=TIMER,
    )
