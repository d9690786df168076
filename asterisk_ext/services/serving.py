"""What this node gives Asterisk: the virtual PBXs it serves, and those at home here that another server serves.

The latter stay known to this Asterisk while their server is in maintenance: a phone that has not followed yet keeps
its registration, its emergency calls, and is not taken for an attacker.
"""

from __future__ import annotations

import asyncio
import contextlib

from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.ports import Fleet, Projector


class Serving:
    def __init__(self, node: str, fleet: Fleet, projector: Projector) -> None:
        self._node = node
        self._fleet = fleet
        self._projector = projector
        self.map_revision = 0
        """Revision of the maintenance map that Asterisk is served by."""
        self.tenants = 0
        """How many virtual PBXs this node serves."""
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Project whenever the copy has changed, for ever."""
        while True:
            revision, current = self._fleet.revision, self._fleet.maintenance()
            map_revision, tenants = self._fleet.map_revision, self._fleet.tenants()
            known = known_here(self._node, current, tenants)
            elsewhere = {pbx.id for pbx in tenants} - {pbx.id for pbx in known}
            await asyncio.to_thread(self._projector.apply, known, elsewhere=elsewhere)
            self.tenants = sum(current.follow(pbx.home) == self._node for pbx in tenants)
            if map_revision != self.map_revision:
                self.map_revision = map_revision
                self._moved.set()
                self._moved = asyncio.Event()
            await self._fleet.after(revision)

    async def moved_on(self, revision: int, at_most: float) -> None:
        """Wait until Asterisk is served by another revision of the map than this, or ``at_most`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                while self.map_revision == revision:
                    await self._moved.wait()


def known_here(node: str, current: Map, tenants: list[Pbx]) -> list[Pbx]:
    """The virtual PBXs that ``node``'s Asterisk must know, by id."""
    known = [pbx for pbx in tenants if node in (pbx.home, current.follow(pbx.home))]
    return sorted(known, key=lambda pbx: pbx.id)
