"""Keeps the servers' registration names leading to who serves: derived from the map, re-applied until it is true.

It runs on the server that keeps the registry, where the DNS server's key is. A DNS server that is down delays nothing
else: what is wrong is told to the fleet, and tried again.
"""

from __future__ import annotations

import contextlib
import logging
from asyncio import timeout
from collections.abc import Awaitable
from dataclasses import replace

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance_seen import NamesState
from asterisk_ext.domain.names import differing, wanted
from asterisk_ext.domain.node_rights import NOT_YOURS
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.ports.names import NAMES_WRONG, NameServer
from asterisk_ext.services.maintenance_plans import hurried
from asterisk_ext.services.records import MAINTENANCE, NAMES, PLANS, SERVERS, decode, encode

PERIOD = 60.0
"""Seconds between looks whether what was made so is still so."""
AGAIN = 2.0
"""Seconds after which what failed is tried again."""
HURRIED_TTL = 5
"""Seconds for which names may be remembered while a maintenance is planned for a time."""
log = logging.getLogger(__name__)


class Naming:
    """``server`` is None where no DNS server is kept: then what was said of one before is taken back."""

    def __init__(
        self, registry: Registry, fleet: Fleet, server: NameServer | None, zone: str, ttl: int, clock: Clock
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._server = server
        self._zone = zone
        self._ttl = ttl
        self._clock = clock

    async def run(self) -> None:
        """For ever; raises when the registry is lost, to be called again."""
        await self._fleet.after(0)
        while True:
            map_revision, names, soon = self._fleet.map_revision, self._wanted(), hurried(self._fleet)
            state = await self.keep()
            with contextlib.suppress(TimeoutError):
                async with timeout(PERIOD if state is None or state.true else AGAIN):
                    await self._changed(map_revision, names, soon)

    async def keep(self) -> NamesState | None:
        """Once: look, change what differs in one update, look again, and tell the fleet."""
        if self._server is None:
            await self._write(self._forget())
            return None
        map_revision, before = self._fleet.map_revision, await self._told()
        old_until = before.old_until if before else 0.0
        try:
            old_until = max(old_until, await self._apply(self._server))
            error = ""
        except Refusal as refusal:
            error = refusal.what
            log.warning("%s: %s", refusal.error_id, refusal.what)
        state = NamesState(
            zone=self._zone,
            map_revision=map_revision,
            true=not error,
            at=self._clock(),
            error=error,
            old_until=old_until,
        )
        await self._write(self._tell(before, state))
        return state

    async def _apply(self, server: NameServer) -> float:
        """Until when resolvers may remember what was there; refuses what the server refuses, and ``dns.wrong``."""
        names = self._wanted()
        found = await server.look(names)
        ttl = min(self._ttl, HURRIED_TTL) if hurried(self._fleet) else self._ttl
        wrong = differing(names, found, ttl)
        if not wrong:
            return 0.0
        await server.point(wrong, ttl)
        still = differing(wrong, await server.look(wrong), ttl)
        for name, address in still.items():
            raise NAMES_WRONG.refuse(name=name, address=address)
        return self._clock() + max((found[name].ttl for name in wrong), default=0)

    def _wanted(self) -> dict[str, str]:
        return wanted(self._fleet.servers(), self._fleet.maintenance(), self._zone)

    async def _changed(self, map_revision: int, names: dict[str, str], soon: frozenset[str]) -> None:
        while (self._fleet.map_revision, self._wanted(), hurried(self._fleet)) == (map_revision, names, soon):
            await self._fleet.after_touch(self._fleet.revision, MAINTENANCE, SERVERS, PLANS)

    async def _write(self, act: Awaitable[None]) -> None:
        """The registry may be another server's since that was promoted, and what the fleet is told of names with it.

        The names themselves go on being moved from here, until that one has the key.
        """
        try:
            await act
        except Refusal as refusal:
            if refusal.error_id != NOT_YOURS.error_id:
                raise
            log.warning("%s: %s", refusal.error_id, refusal.what)

    async def _told(self) -> NamesState | None:
        item = await self._registry.get(NAMES)
        return decode(item.value, NamesState) if item else None

    async def _tell(self, before: NamesState | None, state: NamesState) -> None:
        """Only what is new: a look that finds all as it was writes nothing."""
        if before is not None and replace(before, at=state.at) == state:
            return
        item = await self._registry.get(NAMES)
        if item is None:
            await self._registry.create(NAMES, encode(state))
        else:
            await self._registry.compare_and_set(NAMES, encode(state), item.revision)

    async def _forget(self) -> None:
        item = await self._registry.get(NAMES)
        if item is not None:
            await self._registry.delete(NAMES, item.revision)
