"""Who a key's holder is. Pure values."""

import datetime as dt
from dataclasses import dataclass

from service.unit_of_work.commands import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who calls, as their API key says.

    Attributes:
        id: Id of the key; what the log names as the one who acted.
        tenant_id: Owner of the rows.
        merchant_id: For whom the key acts.
        mode: Which of the merchant's two worlds it opens.
        scopes: What it may do.
        expires_at: From then on it no longer works; None where it has no successor.
    """

    id: str
    tenant_id: str
    merchant_id: str
    mode: Mode
    scopes: frozenset[str]
    expires_at: dt.datetime | None
