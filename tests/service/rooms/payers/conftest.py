"""A house with the payers' handlers, and one more that executes a payment as far as links go."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import msgspec
import pytest

from service.db.places import Place
from service.rooms.payers import public
from service.rooms.payers.commands import HANDLERS
from service.rooms.payers.public import LinkTo
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Entry, Outcome
from tests.support.uow import House


class Nothing(msgspec.Struct, frozen=True):
    pass


class PayWith(Command, frozen=True, kw_only=True):
    """Record an executed payment of a payer with a device and to a payee."""

    gives: ClassVar[type[msgspec.Struct]] = Nothing

    payer_id: str
    device_id: str
    payee_id: str = "p_1"
    level_proved: int = 0


def _keys(command: PayWith, call: Call) -> Sequence[str]:
    return (public.payer_key(call, command.payer_id),)


@handles(PayWith, keys=_keys, reads=lambda _command, _call: ())
def pay_with(_view: View, command: PayWith, ctx: Context) -> Outcome:
    links = (LinkTo("device", command.device_id), LinkTo("payee", command.payee_id))
    return Accepted(
        reply=Nothing(),
        entries=(Entry(kind="payment.executed", subject="pay_1"),),
        changes=tuple(
            public.link_change(ctx, command.payer_id, to, level_proved=command.level_proved)
            for to in links
        ),
    )


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    house = House(place, (*HANDLERS, pay_with))
    yield house
    house.close()
