"""``asterisk-ext firewall``: each group of its commands lives in a file of its own."""

from __future__ import annotations

import click

from asterisk_ext.cli.firewall_countries import countries


@click.group()
def firewall() -> None:
    """The firewall of this server."""


firewall.add_command(countries)
