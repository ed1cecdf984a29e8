"""A merchant's row as it is shown. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from service.rooms.merchants.contract import Limits, Merchant


def shown(row: Mapping[str, Any]) -> Merchant:
    """Return a merchant as commands and reads show it."""
    return Merchant(
        merchant_id=row["merchant_id"],
        tenant_id=row["tenant_id"],
        name=row["name"],
        preset=row["preset"],
        review_mode=row["review_mode"],
        limits=msgspec.json.decode(row["limits"], type=dict[str, Limits]),
        status=row["status"],
    )
