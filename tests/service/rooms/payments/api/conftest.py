"""Front ends over desks: the real door and routes, a signer, and the unit of work behind them."""

from collections.abc import Iterable

import pytest

from keys.entropy import CountingEntropy
from service.rooms.challenges import api as challenges
from service.rooms.custody.model import new_signing_key
from service.rooms.custody.queries import Signer
from service.rooms.payments import api as payments
from tests.support.desk import Desk
from tests.support.front import Front
from tests.support.uow import a_house_call

SCOPES = ("payments:write", "payments:read", "payments:execute")


def a_front(desk: Desk, *, scopes: Iterable[str] = SCOPES, **given: str) -> Front:
    """Return a front end to which the desk's merchant sends requests, or another that is named."""
    whose = {
        "tenant_id": desk.call.tenant_id,
        "merchant_id": desk.call.merchant_id,
        "mode": desk.call.mode,
        **given,
    }
    return Front(
        desk.house,
        (*payments.ROUTES, *challenges.ROUTES),
        scopes=scopes,
        signer=Signer(desk.house.reader, desk.sealer, desk.house.clock),
        **whose,  # type: ignore[arg-type]  # values of many types by name
    )


@pytest.fixture
def front(desk: Desk) -> Front:
    desk.house.accept(new_signing_key(desk.sealer, CountingEntropy(5_000)), a_house_call())
    return a_front(desk)


@pytest.fixture
def test_front(sandbox: Desk) -> Front:
    sandbox.house.accept(new_signing_key(sandbox.sealer, CountingEntropy(5_000)), a_house_call())
    return a_front(sandbox)
