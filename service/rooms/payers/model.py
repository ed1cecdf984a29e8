"""Who is known, and by what. Pure: rows and `now` in, yes or no out."""

import datetime as dt
from dataclasses import dataclass
from typing import Final, Literal

LinkKind = Literal["device", "payee", "instrument"]

# A thief who has just taken over an account pays with it at once; a month later the payer has
# seen a statement. "Known device" in the ladder of proof.
DEVICE_KNOWN_AFTER: Final = dt.timedelta(days=30)
# A payee whom the merchant has listed for the payer this long is not new to them.
PAYEE_SETTLED_AFTER: Final = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a payer has agreed to and is guarded by.

    Attributes:
        has_small_consent: The consent to small payments was given and stands.
        is_protected: The payer has a protection profile.
        is_protected_small_allowed: They or their guardian allowed small payments all the same.
        account_created_at: When they opened their account with the merchant, as it told us.
    """

    has_small_consent: bool
    is_protected: bool
    is_protected_small_allowed: bool
    account_created_at: dt.datetime | None


# Nobody consented for a payer of whom we were told nothing.
UNREGISTERED: Final = Profile(
    has_small_consent=False,
    is_protected=False,
    is_protected_small_allowed=False,
    account_created_at=None,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What connects a payer with one device, payee or instrument.

    Attributes:
        kind: Which of the three.
        key: The merchant's id of it.
        first_paid_at: When the payer's first payment with it was executed.
        asserted_since: Since when the merchant says that it is the payer's.
        proved_at: When a payment with it was first proved by the payer.
        fraud_at: When something paid with it was first labelled as fraud.
    """

    kind: LinkKind
    key: str
    first_paid_at: dt.datetime | None = None
    asserted_since: dt.datetime | None = None
    proved_at: dt.datetime | None = None
    fraud_at: dt.datetime | None = None


def device_is_known(link: Link | None, *, now: dt.datetime) -> bool:
    """Say whether a device counts as the payer's own.

    It proved a payment, or was in use over DEVICE_KNOWN_AFTER ago, as a payment shows or as the
    merchant says; and nobody labelled a payment with it as fraud.
    """
    if link is None or link.fraud_at is not None:
        return False
    if link.proved_at is not None:
        return True
    seen = [one for one in (link.first_paid_at, link.asserted_since) if one is not None]
    return any(now - one > DEVICE_KNOWN_AFTER for one in seen)


def payee_is_known(link: Link | None) -> bool:
    """Say whether the payer has paid this payee before, and nobody labelled that as fraud."""
    return link is not None and link.first_paid_at is not None and link.fraud_at is None


def consent_stands(given_at: dt.datetime | None, withdrawn_at: dt.datetime | None) -> bool:
    """Say whether a consent was given and not withdrawn since."""
    return given_at is not None and withdrawn_at is None


def payee_is_new(added_at: dt.datetime | None, link: Link | None, *, now: dt.datetime) -> bool:
    """Say whether a payee is new to a payer.

    Args:
        added_at: Since when the merchant lists the payee for the payer, as it says.
        link: What connects the two by our own rows.
        now: The writer's clock.
    """
    is_settled = added_at is not None and now - added_at >= PAYEE_SETTLED_AFTER
    # Since when the merchant lists a payee says nothing once a payment to them was fraud.
    is_listed = is_settled and (link is None or link.fraud_at is None)
    return not (is_listed or payee_is_known(link))
