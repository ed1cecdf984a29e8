"""What is executed is paid by the instrument that was judged, named or not."""

import msgspec
import pytest

from service.kernel.facts import Instrument
from tests.support.desk import Desk

JUDGED = Instrument(type="card", network="visa", funding="debit", bin="411111", issuer_country="CN")


@pytest.mark.parametrize("named", [None, "ins_1"])
@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("type", "wallet"),
        ("network", "unionpay"),
        ("funding", "credit"),
        ("bin", "621700"),
        ("issuer_country", "US"),
    ],
)
def test_an_instrument_is_the_one_that_was_judged_in_all_that_is_told_of_it(
    desk: Desk, named: str | None, field: str, other: str
) -> None:
    judged = msgspec.structs.replace(JUDGED, instrument_id=named)
    untold = msgspec.structs.replace(judged, **{field: None})
    first, second, third = (desk.create(instrument=one) for one in (judged, judged, untold))

    reply = desk.run(
        desk.execution(first.token, instrument=msgspec.structs.replace(judged, **{field: other}))
    )
    never = desk.refuse(desk.execution(third.token, instrument=judged))

    assert (reply.problem.code, reply.fields) == (
        "payment_token_mismatch",
        {"differs": ["instrument"]},
    )
    assert never == "payment_token_mismatch"
    assert desk.execute(second.token, instrument=untold).decision == "go"


def test_an_instrument_that_nobody_judged_is_another(desk: Desk) -> None:
    first = desk.create()

    refused = desk.refuse(desk.execution(first.token, instrument=Instrument(bin="411111")))

    assert refused == "payment_token_mismatch"
