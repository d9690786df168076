"""The engine that the settings ask for: kept here, reached at the server that keeps it, or an etcd cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from aiohttp import web

from asterisk_ext.config import Registry as Settings
from asterisk_ext.domain.errors import Problem
from asterisk_ext.ports import Registry
from asterisk_ext.registry import served, wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry
from asterisk_ext.registry.switch import Switch
from asterisk_ext.trust.identity import Identity

NO_CLUSTER = Problem(
    "registry.no_cluster",
    500,
    "The registry's engine is etcd, and no server of a cluster is named.",
    "Name all of them at `registry.etcd`.",
)
DATABASE = "registry.sqlite3"
"""The embedded registry's file, in the node's state."""


@runtime_checkable
class Judge(Protocol):
    """An engine whose own servers judge who may write what."""

    async def admit(self, keeper: str, nodes: Iterable[str], consoles: Collection[str]) -> None: ...


@runtime_checkable
class Roomy(Protocol):
    """An engine whose room somebody has to make when it is used up."""

    async def make_room(self) -> None: ...


def open_engine(settings: Settings, state: Path, identity: Identity | None, clock: Callable[[], float]) -> Registry:
    """``identity`` is what the node presents to the registry's servers; without one only its own file is opened."""
    if settings.engine == "etcd":
        return open_etcd(settings.etcd, clock, identity)
    home = identity.home if identity else None
    if identity is None or home is None:
        return Switch(EmbeddedRegistry(state / DATABASE, clock, time.monotonic))
    return Switch(RemoteRegistry(home.url, identity.asking, home.keeper))


def open_etcd(endpoints: Sequence[str], clock: Callable[[], float], identity: Identity | None) -> Registry:
    if not endpoints:
        raise NO_CLUSTER.refuse()
    # 20 MB and a tenth of a second that nodes of the embedded engine do without.
    from asterisk_ext.registry.etcd import EtcdRegistry
    from asterisk_ext.registry.etcd_link import Link, Presented

    presented = (lambda: Presented(*identity.pem)) if identity else None
    return EtcdRegistry(Link(endpoints, presented), clock, time.monotonic)


def serve(
    engine: Registry,
    app: web.Application,
    peer_of: Callable[[web.Request], str],
    consoles: Callable[[], Collection[str]],
) -> None:
    """Let the other nodes use it through this node's HTTP, while it is kept here."""
    if isinstance(engine, Switch):
        app.add_subapp(wire.PREFIX, served.application(engine, peer_of, consoles, lambda: engine.is_here))
