"""Labels of a file: what a row's payment turned out to be, and since when that is known. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from service.rooms.labels.contract import Intent

# Longer than any dispute may take.
KNOWN_AFTER_S_MAX: Final = 5 * 366 * 86_400


class LabelMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `label` of a column map; text in braces is a column.

    Attributes:
        source: Who says so.
        external_id: The source's name of the label.
        intent: What says what the payment was.
        intents: What that says -> an intent of the API; a row that says anything else has no label.
        known_at: When it became known.
        known_after_s: Or how long after its payment, in seconds.
    """

    source: str
    external_id: str
    intent: str
    intents: dict[str, Intent]
    known_at: str | None = None
    known_after_s: Annotated[int, msgspec.Meta(ge=0, le=KNOWN_AFTER_S_MAX)] | None = None

    def wrong(self) -> str | None:
        """Return what is wrong between the fields, or None."""
        if (self.known_at is None) == (self.known_after_s is None):
            return "[label] needs one of known_at and known_after_s"
        return None

    @property
    def texts(self) -> dict[str, str]:
        """What has columns to be filled in, by field."""
        given = {
            "source": self.source,
            "external_id": self.external_id,
            "intent": self.intent,
            "known_at": self.known_at,
        }
        return {name: text for name, text in given.items() if text is not None}


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """A label as it will be sent once its payment's id is known.

    Attributes:
        reference: Its payment's.
        payer: Who paid; sent by the thread that sends the payer's payments.
        known_at: When it became known, which is when it is sent among the payments.
        told: Intent, source and external_id.
    """

    reference: str
    payer: str
    known_at: dt.datetime
    told: dict[str, str]

    def body(self, payment_id: str) -> dict[str, str]:
        """Return the request's body."""
        known_at = self.known_at.isoformat().replace("+00:00", "Z")
        return {"payment_id": payment_id, **self.told, "known_at": known_at}


def known_at(label: LabelMap, filled: Mapping[str, Any], *, paid_at: dt.datetime) -> Any:
    """Return when a row's label became known: what its column says, or so long after the payment.

    Args:
        label: The map.
        filled: Its texts, filled in.
        paid_at: Event time of the payment.
    """
    if label.known_after_s is not None:
        return paid_at + dt.timedelta(seconds=label.known_after_s)
    return filled.get("known_at")
