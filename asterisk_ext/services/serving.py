"""What this node gives Asterisk: the virtual PBXs it serves, and those at home here that another server serves.

The latter stay known to this Asterisk while their server is in maintenance: a phone that has not followed yet keeps
its registration, its emergency calls, and is not taken for an attacker.
"""

from __future__ import annotations

import asyncio

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

    async def run(self) -> None:
        """Project whenever the copy has changed, for ever; a flip of the map explains that many tenants leave."""
        while True:
            revision, current = self._fleet.revision, self._fleet.maintenance()
            map_revision, tenants = self._fleet.map_revision, self._fleet.tenants()
            known = known_here(self._node, current, tenants)
            moved = map_revision != self.map_revision
            await asyncio.to_thread(self._projector.apply, known, confirmed=moved)
            self.map_revision = map_revision
            self.tenants = sum(current.follow(pbx.home) == self._node for pbx in tenants)
            await self._fleet.after(revision)


def known_here(node: str, current: Map, tenants: list[Pbx]) -> list[Pbx]:
    """The virtual PBXs that ``node``'s Asterisk must know, by id."""
    known = [pbx for pbx in tenants if node in (pbx.home, current.follow(pbx.home))]
    return sorted(known, key=lambda pbx: pbx.id)
