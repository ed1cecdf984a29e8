"""`payguard webhooks`: endpoints of merchants, what became of deliveries, events as they come."""

import click

from service.cli.webhooks_endpoints import deliveries, endpoints, replay
from service.cli.webhooks_listen import listen


@click.group()
def webhooks() -> None:
    """Keep endpoints, look at deliveries and send them again, listen to events."""


for _command in (endpoints, deliveries, replay, listen):
    webhooks.add_command(_command)
