"""What a merchant may tell about its payers. Ids, times and switches; no name, no contact."""

from typing import Annotated, ClassVar, Final

import msgspec

from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

DEVICES_MAX: Final = 20

# `(?![\s\S])` is the end of the text in Python and in ECMA 262 alike; `$` lets a newline follow.
Name = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[ -~]{1,64}(?![\s\S])",
        min_length=1,
        max_length=64,
        description="The merchant's own id: 1 to 64 printable ASCII characters.",
    ),
]

PAYER_TIME_IN_FUTURE: Final = Problem("payer_time_in_future", 422)
PAYER_DEVICE_TWICE: Final = Problem("payer_device_twice", 422)
PAYER_PROTECTION_KEPT: Final = Problem("payer_protection_kept", 409)

AUDIT_KINDS: Final[dict[str, str]] = {
    "payer.registered": "A merchant told about a payer for the first time.",
    "payer.updated": "A merchant told something new about a payer.",
    "payer.consent_given": "A payer consented to small payments without proof.",
    "payer.consent_withdrawn": "A payer withdrew the consent to small payments without proof.",
}


class Consent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the payer agreed to.

    Attributes:
        small_payments: Small payments may go through without proof; false withdraws it.
    """

    small_payments: bool


class Protection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What guards a payer who needs it; a merchant may raise it, only proof may lower it.

    Attributes:
        protected: The payer has a protection profile.
        small_payments: The payer or their guardian allowed small payments without proof all
            the same; means nothing without `protected`.
    """

    protected: bool
    small_payments: bool = False


class KnownDevice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that the merchant has seen the payer use.

    Attributes:
        device_id: The merchant's id of it.
        since: When the merchant first saw it used.
    """

    device_id: Name
    since: Instant


class ConsentState(msgspec.Struct, frozen=True, kw_only=True):
    """Where the payer's consent stands.

    Attributes:
        small_payments: It was given and stands.
        given_at: When it was last given.
        withdrawn_at: When that was withdrawn.
    """

    small_payments: bool
    given_at: Instant | None
    withdrawn_at: Instant | None


class RegisteredPayer(msgspec.Struct, frozen=True, kw_only=True):
    """A payer as we know them.

    Attributes:
        payer_id: The merchant's id.
        consent: To small payments.
        protection: What guards them.
        account_created_at: When they opened their account with the merchant.
        created_at: When we were first told about them.
        updated_at: When we were last told something new.
    """

    payer_id: str
    consent: ConsentState
    protection: Protection
    account_created_at: Instant | None
    created_at: Instant
    updated_at: Instant


class RegisterPayer(Command, frozen=True, kw_only=True):
    """Create a payer or tell more about one; what is null stays as it is.

    Attributes:
        payer_id: The merchant's id.
        consent: Given or withdrawn.
        protection: May be raised; lowering it is refused.
        account_created_at: When they opened their account with the merchant.
        known_devices: Added to those known before; `since` of one told before is replaced.
    """

    gives: ClassVar[type[msgspec.Struct]] = RegisteredPayer

    payer_id: Name
    consent: Consent | None = None
    protection: Protection | None = None
    account_created_at: Instant | None = None
    known_devices: Annotated[tuple[KnownDevice, ...], msgspec.Meta(max_length=DEVICES_MAX)] = ()
