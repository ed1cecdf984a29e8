"""A label as a value, and as the event that it is. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from service.rooms.labels.contract import Intent, Label

EVENT_TYPE: Final = "label.recorded"


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """The event: its subject is the label, since a payment is folded from its own events alone."""

    payment_id: str
    intent: Intent
    source: str
    external_id: str
    known_at: dt.datetime


def shown(row: Mapping[str, Any]) -> Label:
    """Return a row as it is shown."""
    return Label(
        id=row["label_id"],
        payment_id=row["payment_id"],
        intent=row["intent"],
        source=row["source"],
        external_id=row["external_id"],
        known_at=row["known_at"],
        recorded_at=row["recorded_at"],
    )
