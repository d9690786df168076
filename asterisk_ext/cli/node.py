"""``asterisk-ext node``: the node service."""

from __future__ import annotations

import logging
from pathlib import Path

import click
import uvloop

from asterisk_ext import config, runtime
from asterisk_ext.cli.options import settings


@click.group()
def node() -> None:
    """The node service of this machine."""


@node.command()
@settings
def run(settings: Path) -> None:
    """Run the node service until SIGTERM: the gate, live calls, the tenants' projection and the console."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    uvloop.run(runtime.run(config.load(settings)))
