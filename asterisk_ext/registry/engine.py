"""The engine that the settings ask for: the fleet's registry kept here, or reached at the server that keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from asterisk_ext.config import Registry as Settings
from asterisk_ext.registry import served, wire
from asterisk_ext.registry.embedded import EmbeddedRegistry
from asterisk_ext.registry.remote import RemoteRegistry

Engine = EmbeddedRegistry | RemoteRegistry


def open_engine(settings: Settings, state: Path, fleet_secret: str, clock: Callable[[], float]) -> Engine:
    if settings.serve:
        return EmbeddedRegistry(state / "registry.sqlite3", clock)
    return RemoteRegistry(settings.url, fleet_secret)


def serve(engine: Engine, app: web.Application, fleet_secret: str) -> None:
    """Let the other nodes use it through this node's admin HTTP, where it is kept here."""
    if isinstance(engine, EmbeddedRegistry):
        app.add_subapp(wire.PREFIX, served.application(engine, fleet_secret))
