"""The route by which a merchant tells about its payers. Decides nothing."""

from typing import Final

from service.http.ports import Ports
from service.http.routes import Answer, Request, answer_of, op, settle
from service.rooms.payers import contract
from service.rooms.payers.contract import RegisteredPayer, RegisterPayer


def _register(request: Request, ports: Ports) -> Answer:
    reply = settle(ports.submit(request.body, call=request.call(), deadline_ns=request.deadline_ns))
    return answer_of(reply, reply.read(RegisteredPayer))


ROUTES: Final = (
    op(
        "post",
        "/v1/payers",
        name="register_payer",
        summary="Register a payer, or tell more about one: consent, protection, known devices.",
        takes=RegisterPayer,
        gives=(200, RegisteredPayer),
        refuses=(
            contract.PAYER_TIME_IN_FUTURE,
            contract.PAYER_DEVICE_TWICE,
            contract.PAYER_PROTECTION_KEPT,
        ),
        scope="payers:write",
        writes=True,
        run=_register,
    ),
)
