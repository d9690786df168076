"""``asterisk-ext node``: the node service."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click
import uvloop

from asterisk_ext import config, runtime
from asterisk_ext.cli.options import settings
from dialplan import last_good
from dialplan.kept_projection import copy_of


@click.group()
def node() -> None:
    """The node service of this machine."""


@node.command()
@settings
def run(settings: Path) -> None:
    """Run the node service until SIGTERM: the gate, live calls, the tenants' projection and the console."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    uvloop.run(runtime.run(config.load(settings)))


@node.command("restore-database")
@settings
def restore_database(settings: Path) -> None:
    """Put the last good copy in the place of a missing or damaged realtime database; to be run before Asterisk starts.

    It needs neither the node service nor the registry. Exit status 1 where Asterisk would have no phones.
    """
    database = Path(config.load(settings).asterisk.realtime)
    sys.exit(last_good.main([str(database), str(copy_of(database))]))
