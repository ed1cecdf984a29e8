"""`payguard webhooks`: endpoints of merchants, and what became of deliveries to them."""

import click

from service.cli.webhooks_endpoints import deliveries, endpoints, replay


@click.group()
def webhooks() -> None:
    """Keep webhook endpoints, look at deliveries, send them again."""


for _command in (endpoints, deliveries, replay):
    webhooks.add_command(_command)
