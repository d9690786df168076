"""``asterisk-ext registry``: where the fleet's registry is kept, and which of its lives the nodes follow."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import click

from asterisk_ext import config
from asterisk_ext.cli.options import ask, settings
from asterisk_ext.composition.membership import AUTHORITY, IDENTITY
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import is_address
from asterisk_ext.domain.registry_life import Life
from asterisk_ext.ports import MOVED_MARK, Registry
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.engine import DATABASE, Judge, Roomy, open_engine, open_etcd
from asterisk_ext.services import registry_life
from asterisk_ext.store import LocalCopy
from asterisk_ext.trust import cluster
from asterisk_ext.trust.authority import authority_at
from asterisk_ext.trust.identity import Identity, has_joined

NOT_THERE = Problem(
    "registry.not_here",
    409,
    "Nothing was changed: {node} does not keep the fleet's registry.",
    "Run the command on the server whose settings have `registry.serve`.",
)
BAD_DESTINATION = Problem(
    "registry.bad_destination",
    422,
    "Nothing was moved: {to!r} is no registry.",
    "Give `embedded`, or the servers of a cluster as etcd://198.18.1.1:2379,198.18.1.2:2379 (etcds:// with TLS).",
)

NOT_AN_ADDRESS = Problem(
    "registry.not_an_address",
    422,
    "Nothing was made: {address!r} is no IP address.",
    "Give the addresses at which that etcd server is reached.",
)
HAS_ROOM = Problem(
    "registry.has_room",
    409,
    "Nothing was done: the fleet's registry is a file of {node}, which uses its room again by itself.",
    "Look whether that server's disk is full.",
)


@click.group()
def registry() -> None:
    """The fleet's registry: move it to another engine, make certificates for etcd, accept one that was restored."""


@registry.command()
@settings
@click.option("--to", required=True, help="`embedded`, or etcd://HOST:PORT[,HOST:PORT…]; etcds:// speaks TLS.")
def migrate(settings: Path, to: str) -> None:
    """Move the whole registry to another engine; calls, audios and bans are not touched.

    The old one takes no changes any more. Then set `registry.engine` on every server and restart its node service.
    """
    whole = config.load(settings)
    endpoints = destination_of(to)
    moved = asyncio.run(_migrate(whole, to, endpoints))
    click.echo(f"{moved.records} records and {moved.audios} audios moved to {to}; epoch {moved.epoch}")
    engine = f'engine = "etcd", etcd = {endpoints}' if endpoints else 'engine = "embedded"'
    click.echo(f"now set in [registry] of every server: {engine}, and restart its node service")


@registry.command()
@settings
@click.option("--force", is_flag=True, help="Although the registry's server answers: follow it no more.")
def promote(settings: Path, force: bool) -> None:
    """Make this console the registry's server, from its own copy: the former one is dead.

    Prints up to where all is kept. What the former server acknowledged later is lost; when it returns it follows this
    one and lists what that was. To admit and renew again, bring the backup of its authority here and restart.
    """
    made = ask(settings, "POST", "registry/promote", {"force": force})
    click.echo(f"promoted with {made['records']} records of revision {made['revision']}; epoch {made['epoch']}")
    click.echo(f"this copy was {made['age']:.0f} s old; what was acknowledged meanwhile is lost")
    for name in made["missing"]:
        click.echo(f"missing: the contents of audio {name}")


@registry.command("etcd-certificate")
@settings
@click.argument("addresses", nargs=-1, required=True)
@click.option("--into", type=click.Path(path_type=Path), required=True, help="Directory for its three files.")
def etcd_certificate(settings: Path, addresses: tuple[str, ...], into: Path) -> None:
    """Make key and certificate of an etcd server that listens at ADDRESSES, signed by the fleet's authority.

    Prints etcd's options: with them its cluster takes this fleet's nodes only, each with its own rights. Good for five
    years.
    """
    whole = config.load(settings)
    if not whole.registry.serve:
        raise NOT_THERE.refuse(node=whole.node.name)
    for address in addresses:
        if not is_address(address):
            raise NOT_AN_ADDRESS.refuse(field="addresses", address=address)
    now = time.time()
    cluster.furnish(authority_at(Path(whole.node.state) / AUTHORITY, now), addresses, into, now)
    for option in cluster.options(into):
        click.echo(option)


@registry.command()
@settings
def accept(settings: Path) -> None:
    """Have every node follow this registry as it is: after a backup was restored, one was emptied, or a move broke off.

    Prints what this server's copy knew otherwise: those changes are lost.
    """
    whole = config.load(settings)
    life, lost = asyncio.run(_accept(whole))
    for key in lost:
        click.echo(f"lost: {key}")
    click.echo(f"accepted as epoch {life.epoch}; {len(lost)} records differ from what this server knew")


@registry.command("make-room")
@settings
def make_room(settings: Path) -> None:
    """Have an etcd cluster that is full (registry.full) take changes again: its past is forgotten.

    Remove the server that filled it before, if one did. Each of the cluster's servers is silent for some seconds.
    """
    asyncio.run(_make_room_there(config.load(settings)))
    click.echo("the cluster takes changes again")


def destination_of(to: str) -> list[str]:
    """The endpoints of a cluster, none for the embedded engine; refuses ``registry.bad_destination``."""
    if to == "embedded":
        return []
    scheme, _, hosts = to.partition("://")
    names = [host for host in hosts.split(",") if host]
    if scheme not in ("etcd", "etcds") or not names:
        raise BAD_DESTINATION.refuse(field="to", to=to)
    return [f"{'https' if scheme == 'etcds' else 'http'}://{name}" for name in names]


async def _migrate(whole: config.Config, to: str, endpoints: list[str]) -> registry_life.Moved:
    async with _kept_here(whole) as source, _destination(whole, endpoints) as destination:
        return await registry_life.move(source, destination, to)


async def _accept(whole: config.Config) -> tuple[Life, list[str]]:
    async with _kept_here(whole) as kept:
        with closing(LocalCopy(Path(whole.node.state) / "copy.sqlite3", time.time)) as copy:
            lost = registry_life.lost(copy.items(""), (await kept.snapshot(""))[0])
            await registry_life.stay(kept)
            return await registry_life.renew(kept, copy.life, copy.revision), lost


async def _make_room_there(whole: config.Config) -> None:
    async with _kept_here(whole) as kept:
        if not isinstance(kept, Roomy):
            raise HAS_ROOM.refuse(node=whole.node.name)
        await kept.make_room()


@asynccontextmanager
async def _kept_here(whole: config.Config) -> AsyncIterator[Registry]:
    if not whole.registry.serve:
        raise NOT_THERE.refuse(node=whole.node.name)
    engine = open_engine(whole.registry, Path(whole.node.state), _identity(whole), time.time)
    try:
        yield engine
    finally:
        await engine.close()


def _identity(whole: config.Config) -> Identity | None:
    place = Path(whole.node.state) / IDENTITY
    return Identity(place) if has_joined(place) else None


@asynccontextmanager
async def _destination(whole: config.Config, endpoints: list[str]) -> AsyncIterator[Registry]:
    if endpoints:
        engine: Registry = open_etcd(endpoints, time.time, _identity(whole))
    else:
        state = Path(whole.node.state)
        await asyncio.to_thread(_make_room, state / DATABASE)
        engine = EmbeddedRegistry(state / DATABASE, time.time)
    try:
        if isinstance(engine, Judge):
            await engine.admit(whole.node.name, (), ())
        yield engine
    finally:
        await engine.close()


def _make_room(database: Path) -> None:
    """An embedded registry that had moved away remembers only: it goes aside. The new one is the service's."""
    if database.exists():
        with closing(sqlite3.connect(database)) as old:
            mark = old.execute("SELECT revision FROM item WHERE key = ?", (MOVED_MARK,)).fetchone()
        if mark:
            database.rename(database.with_suffix(f".moved-{mark[0]}"))
    owner = database.parent.stat()
    database.touch(mode=0o600)
    os.chown(database, owner.st_uid, owner.st_gid)
