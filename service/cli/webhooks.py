"""`payguard webhooks`: what has to do with events that are sent to merchants."""

import click

from service.cli.webhooks_listen import listen


@click.group()
def webhooks() -> None:
    """Listen to events on a developer's machine."""


webhooks.add_command(listen)
