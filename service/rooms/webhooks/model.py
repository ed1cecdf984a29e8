"""Where deliveries may go, what they say, and when they are tried again. Pure."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec
from typing_extensions import override

from keys.entropy import Entropy
from keys.sealing import Sealer
from keys.webhooks import SigningKeys
from service.kernel.addresses import AddressRefused, read_url
from service.rooms.webhooks.contract import Kind
from service.unit_of_work.commands import Mode

BODY_BYTES_MAX: Final = 20_000
GIVEN_UP_AFTER: Final = dt.timedelta(hours=72)
RETRY_AFTER_MAX: Final = dt.timedelta(hours=12)
JITTER_BYTES: Final = 4

# After the attempt of that number; the last stands for all that follow. Nine hours of dense
# attempts for what is repaired the same day, then twice a day for what waits for Monday.
_DELAYS_S: Final = (
    *(5, 30, 2 * 60, 10 * 60, 30 * 60),
    *(3_600, 2 * 3_600, 4 * 3_600, 8 * 3_600, 12 * 3_600),
)
# Spread over a fifth of the delay either way, so that endpoints of one host that went down
# together are not tried together.
_JITTER_MILLI: Final = 200
_MILLI: Final = 1_000
_WORD: Final = 1 << (8 * JITTER_BYTES)

_KINDS: Final[dict[str, Kind]] = {
    "payment.moved": "payguard.payment.moved",
    "assessment.moved": "payguard.assessment.moved",
}
# What a message may tell, behind the name of its id: ids and words, nothing of a person, no amount.
_TOLD: Final[dict[Kind, tuple[str, ...]]] = {
    "payguard.payment.moved": (
        "payment_id",
        *("reference", "status", "outcome", "reason_code", "version"),
    ),
    "payguard.assessment.moved": (
        "assessment_id",
        *("event", "status", "outcome", "reason_code", "version"),
    ),
}


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message of the outbox as deliveries tell it."""

    merchant_id: str
    mode: Mode
    kind: str
    subject_id: str
    sequence: int
    ordinal: int
    batch: int
    created_at: dt.datetime
    body: dict[str, Any]


def kind_of(message_kind: str) -> Kind | None:
    """Return the event's type for a message, or None for one that is not told to merchants."""
    return _KINDS.get(message_kind)


def body_of(packed: bytes) -> dict[str, Any]:
    """Return the body of a message as it was stored."""
    body: dict[str, Any] = msgspec.json.decode(packed)
    return body


def event_body(said: Said, *, event_id: str, source: str) -> bytes:
    """Return the CloudEvent (1.0, JSON) that tells of a message, BODY_BYTES_MAX at most.

    Raises:
        ValueError: The message is none that is told, or it tells too much.
    """
    kind = kind_of(said.kind)
    if kind is None:
        raise ValueError(f"nobody is told of {said.kind}")
    names = _TOLD[kind]
    event = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": kind,
        "subject": said.subject_id,
        "time": said.created_at,
        "datacontenttype": "application/json",
        "data": {
            names[0]: said.subject_id,
            **{name: said.body.get(name) for name in names[1:]},
            "merchant_id": said.merchant_id,
            "mode": said.mode,
            "sequence": said.sequence,
            "batch": said.batch,
        },
    }
    body = msgspec.json.encode(event)
    if len(body) > BODY_BYTES_MAX:
        raise ValueError("an event is thin")
    return body


def next_attempt_at(
    attempts: int,
    *,
    started_at: dt.datetime,
    now: dt.datetime,
    retry_after_s: int | None,
    entropy: Callable[[int], bytes],
) -> dt.datetime | None:
    """Return when a delivery is tried again, or None: three days are over.

    Args:
        attempts: How many were made, 1 or more.
        started_at: When it was put in line.
        now: When the newest failed.
        retry_after_s: What the receiver asked for; it can only lengthen the delay, within bounds.
        entropy: Spreads the attempts.
    """
    ends_at = started_at + GIVEN_UP_AFTER
    if now >= ends_at:
        return None
    base_s = _DELAYS_S[min(attempts, len(_DELAYS_S)) - 1]
    spread = int.from_bytes(entropy(JITTER_BYTES)) * 2 * _JITTER_MILLI // _WORD
    delay = dt.timedelta(milliseconds=base_s * (_MILLI - _JITTER_MILLI + spread))
    if retry_after_s is not None:
        asked = dt.timedelta(seconds=retry_after_s)
        delay = max(delay, min(asked, RETRY_AFTER_MAX))
    # The last attempt comes at the very end.
    return min(now + delay, ends_at)


def may_be_sent_to(url: str, mode: Mode) -> bool:
    """Say whether an endpoint may have a URL; each connection is looked at again when it is made.

    It is read as deliveries read it. In the sandbox that is as where they may go to the private
    network: whether they may here is the worker's setting, which a command must not depend on.
    """
    try:
        read_url(url, is_internal=mode == "sandbox")
    except AddressRefused:
        return False
    return True


def place_of_keys(*, tenant_id: str, merchant_id: str, mode: Mode, secret_id: str) -> str:
    """Return what an endpoint's keys are sealed for: nobody can move them to another's row."""
    return f"webhook_secrets.sealed:{tenant_id}:{merchant_id}:{mode}:{secret_id}"


class NewKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Fresh keys of an endpoint: what is shown once, and what a command carries.

    Attributes:
        text: `whsec_...`, for the one answer that shows it.
        sealed: The fields of a command that keeps them.
    """

    text: str
    sealed: dict[str, Any]

    @override
    def __repr__(self) -> str:
        return "NewKeys(not shown)"


def new_keys(
    keys: SigningKeys, *, place: tuple[str, str, Mode, str], sealer: Sealer, entropy: Entropy
) -> NewKeys:
    """Return keys that were just made, sealed for their row.

    Args:
        keys: Both keys.
        place: Tenant, merchant, mode and the id that names the keys.
        sealer: Seals them.
        entropy: For the seal.
    """
    tenant_id, merchant_id, mode, secret_id = place
    bound_to = place_of_keys(
        tenant_id=tenant_id, merchant_id=merchant_id, mode=mode, secret_id=secret_id
    )
    sealed = sealer.seal(keys.pack(), bound_to=bound_to, entropy=entropy)
    return NewKeys(
        text=keys.reveal(),
        sealed={"secret_id": secret_id, "public_key": keys.public, "sealed": sealed},
    )
