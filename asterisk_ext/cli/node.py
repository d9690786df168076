"""``asterisk-ext node``: the node service.

What only one command needs is imported there: putting a database back, before Asterisk starts, waits for no console.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TextIO

import click

from asterisk_ext import config
from asterisk_ext.cli.options import settings
from dialplan import base_config, last_good
from dialplan.base_files import BaseFiles
from dialplan.kept_projection import copy_of
from dialplan.registrations import asterisk_command

TURN = 0.0005
"""Seconds after which a thread lets the event loop have the interpreter: a request takes several turns, and waits for
each where thousands of virtual PBXs are being projected.
"""
YOUNG = 50_000
"""Objects, some megabytes, that may wait to be looked at."""


@click.group()
def node() -> None:
    """The node service of this machine."""


@node.command()
@settings
def run(settings: Path) -> None:
    """Run the node service until SIGTERM: the gate, live calls, the tenants' projection and the console."""
    import uvloop

    from asterisk_ext import runtime
    from asterisk_ext.garbage import search_seldom

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    sys.setswitchinterval(TURN)
    search_seldom(YOUNG)
    uvloop.run(runtime.run(config.load(settings)))


@node.command()
@settings
@click.option("--file", "source", type=click.File(), default="-", help="Where the token is; standard input by default.")
def join(settings: Path, source: TextIO) -> None:
    """Join a fleet with a token: make a key, have it signed by the fleet's authority. The node service then starts.

    The token is never an argument: those can be seen by every user of the machine.
    """
    from asterisk_ext.composition.membership import IDENTITY
    from asterisk_ext.trust import door, identity

    whole = config.load(settings)
    token = door.token_of(source.read(), whole.node.name)
    request = identity.request_for(whole.node.name)
    certificate, authority = asyncio.run(door.knock(token, request))
    home = identity.Home(url=token.url, keeper=token.keeper)
    identity.keep(Path(whole.node.state) / IDENTITY, request.key, certificate, authority, home)
    click.echo(f"{whole.node.name} has joined the fleet of {token.keeper}")


@node.command("restore-database")
@settings
def restore_database(settings: Path) -> None:
    """Put the last good copy in the place of a missing or damaged realtime database; to be run before Asterisk starts.

    It needs neither the node service nor the registry. Exit status 1 where Asterisk would have no phones.
    """
    database = Path(config.load(settings).asterisk.realtime)
    sys.exit(last_good.main([str(database), str(copy_of(database))]))


@node.command("watch-database")
@settings
def watch_database(settings: Path) -> None:
    """Put the last good copy in the place of a missing or damaged realtime database while Asterisk runs.

    It runs for ever, as Asterisk's user, and needs neither the node service nor the registry.
    """
    asterisk = config.load(settings).asterisk
    database = Path(asterisk.realtime)
    include = Path(asterisk.files) / base_config.includes()["res_config_sqlite3.conf"]
    # A fresh interpreter that imports a tenth: this one process is there to outlive the others.
    arguments = [str(database), str(copy_of(database)), str(include), asterisk.program]
    os.execv(sys.executable, [sys.executable, "-m", "dialplan.watch", *arguments])  # noqa: S606


@node.command("asterisk-files")
@settings
@click.option("--dry-run", is_flag=True, help="Say what would change and change nothing.")
def asterisk_files(settings: Path, dry_run: bool) -> None:
    """Write our include files into Asterisk's directory, and put the former back if it does not take them."""
    whole = config.load(settings)
    asterisk = whole.asterisk
    secrets = (config.secret(asterisk.ari_secret_file), config.secret(asterisk.ari_acting_secret_file))
    files = base_config.render(base_config.of(whole, *secrets))
    base = BaseFiles(Path(asterisk.files), asterisk_command(asterisk.program))
    found = base.compare(files) if dry_run else base.apply(files)
    for name in found.changed:
        click.echo(f"{name} {'would change' if dry_run else 'written'}")
    if found.restart:
        click.echo(f"restart Asterisk for: {', '.join(found.restart)}", err=True)
    for main in found.not_included:
        click.echo(f'{main} must hold: #include "{base_config.includes()[main]}"', err=True)
