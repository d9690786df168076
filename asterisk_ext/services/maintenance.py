"""Maintenance: all virtual PBXs of a server are served by another one, at once, until it is lifted."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from asterisk_ext.domain import maintenance
from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.maintenance import Entry, Map
from asterisk_ext.domain.server import State, state
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import MAINTENANCE, decode_map, decode_report, encode
from asterisk_ext.services.times import iso

PATIENCE = 5.0
"""Seconds to wait for a server to say that it serves by the new map."""
POLL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What entering maintenance would do, said before it is done."""

    source: str
    destination: str
    tenants: int
    extensions: int
    registered: int
    """Phones registered at the source now, by its last report."""
    calls: int
    """Calls in progress there, by its last report; they go on until they end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipped:
    """What came of a flip of the map."""

    server: str
    """Who serves the virtual PBXs now."""
    served: bool
    """It has said so itself; False when it had not in time: the map stands, it will follow it."""


class Maintenance:
    def __init__(
        self, registry: Registry, fleet: Fleet, audit: Audit, clock: Clock, patience: float = PATIENCE
    ) -> None:
        self._patience = patience
        self._registry = registry
        self._fleet = fleet
        self._audit = audit
        self._clock = clock

    def preview(self, actor: Actor, source: str, destination: str) -> Preview:
        """Refuses what ``enter`` would refuse."""
        require(actor, Act.MAINTENANCE)
        self._entered(self._fleet.maintenance(), source, destination, Entry(destination, "", actor.name))
        moved = maintenance.served_by(source, self._fleet.maintenance(), self._fleet.tenants())
        report = self._fleet.reports().get(source)
        return Preview(
            source=source,
            destination=destination,
            tenants=len(moved),
            extensions=sum(len(pbx.extensions) for pbx in moved),
            registered=report.registered if report else 0,
            calls=report.calls if report else 0,
        )

    async def enter(self, actor: Actor, source: str, destination: str, reason: str = "") -> Flipped:
        """Flip the pointer; every new registration and call is then served by ``destination``."""
        require(actor, Act.MAINTENANCE)
        entry = Entry(destination, iso(self._clock()), actor.name, reason)
        current, revision = await self._current()
        flipped = await self._flip(self._entered(current, source, destination, entry), revision)
        moved = len(maintenance.served_by(source, current, self._fleet.tenants()))
        await self._note(actor, source, f"servers/{source}/maintenance/leave", destination=destination, pbx=moved)
        return Flipped(server=destination, served=await self._is_served(destination, flipped))

    async def leave(self, actor: Actor, source: str) -> Flipped:
        """Take the pointer away: exactly the virtual PBXs that left are at home again."""
        require(actor, Act.MAINTENANCE)
        current, revision = await self._current()
        flipped = await self._flip(maintenance.leave(current, source), revision)
        await self._note(actor, source, "", left=current.entries[source].destination)
        return Flipped(server=source, served=await self._is_served(source, flipped))

    def _entered(self, current: Map, source: str, destination: str, entry: Entry) -> Map:
        target = self._fleet.server(destination)
        report = self._fleet.reports().get(destination)
        if target.technology.hosts and report is not None and not report.hosts:
            why = "no Asterisk runs there"
            raise maintenance.DEAD_END.refuse(field="destination", source=source, destination=destination, why=why)
        answers = state(report, False, self._clock()) is State.ACTIVE
        return maintenance.enter(current, self._fleet.server(source), target, answers, entry)

    async def _current(self) -> tuple[Map, int]:
        item = await self._registry.get(MAINTENANCE)
        return (decode_map(item.value), item.revision) if item else (Map(), 0)

    async def _flip(self, wanted: Map, revision: int) -> int:
        if revision:
            return await self._registry.compare_and_set(MAINTENANCE, encode(wanted), revision)
        return await self._registry.create(MAINTENANCE, encode(wanted))

    async def _is_served(self, server: str, revision: int) -> bool:
        """Whether ``server`` reports within ``patience`` seconds that it serves by the map of ``revision``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while True:
                    beat = (await self._registry.beats()).get(server)
                    if beat and decode_report(beat[1], beat[0]).map_revision >= revision:
                        return True
                    await asyncio.sleep(POLL)
        return False

    async def _note(self, actor: Actor, source: str, undo: str, **facts: object) -> None:
        await self._fleet.reached(await self._audit.note(actor, Act.MAINTENANCE, source, undo, **facts))
