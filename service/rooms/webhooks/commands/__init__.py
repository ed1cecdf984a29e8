"""Handlers of webhooks: endpoints, which their merchants keep, and deliveries, which tell."""

from service.rooms.webhooks.commands import deliveries, endpoints, replays
from service.unit_of_work.handlers import Handler


def handlers(*, issuer: str) -> tuple[Handler, ...]:
    """Return the room's handlers.

    Args:
        issuer: `source` of what is told: the address by which merchants know this service.
    """
    return (
        *endpoints.HANDLERS,
        *deliveries.handlers(issuer=issuer),
        *replays.HANDLERS,
    )
