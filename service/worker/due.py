"""What rooms' jobs hand to the worker: a command whose time has come. Plain values."""

from typing import NamedTuple

from service.unit_of_work.commands import Call, Command


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
