"""The digest of an order, by which a token binds what is bought and where it goes. Pure."""

import msgspec

from keys import canonical
from service.kernel.facts import Order


def order_digest(order: Order | None) -> str | None:
    """Return `sha256:` and the digest of the canonical order with its shipping, or None."""
    if order is None:
        return None
    return canonical.digest(msgspec.to_builtins(order))
