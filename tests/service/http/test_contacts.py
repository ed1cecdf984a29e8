"""Clear contacts end at the door, wherever they come in; what is wrong is told by place."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.http.contacts import device_kept, payer_kept
from service.kernel.errors import FieldError
from service.kernel.facts import Device, Payer

REQUEST: Any = SimpleNamespace(caller=SimpleNamespace(tenant_id="ten_1"))
PORTS: Any = SimpleNamespace(pseudonym_key=b"p" * 32)


def test_a_guest_is_named_by_the_first_contact() -> None:
    errors: list[FieldError] = []

    kept = payer_kept(
        Payer(email="lin@example.com", phone="+8613800138000"), REQUEST, PORTS, errors
    )

    assert kept is not None
    assert (kept.payer_key, errors) == (kept.email_key, [])
    assert kept.email_key is not None
    assert kept.email_key.startswith("em_")


@pytest.mark.parametrize(
    ("payer", "pointer"),
    [(Payer(email="no address"), "/payer/email"), (Payer(phone="none at all"), "/payer/phone")],
)
def test_what_is_no_contact_is_told_and_not_kept(payer: Payer, pointer: str) -> None:
    errors: list[FieldError] = []

    assert payer_kept(payer, REQUEST, PORTS, errors) is None
    assert [one.pointer for one in errors] == [pointer]


def test_an_address_is_kept_as_its_networks() -> None:
    errors: list[FieldError] = []

    kept = device_kept(Device(ip="203.0.113.9"), REQUEST, PORTS, errors)
    device_kept(Device(ip="1.2.3"), REQUEST, PORTS, errors)

    assert len(kept.ip_keys) == 4
    assert [one.pointer for one in errors] == ["/device/ip"]
