"""What this node gives Asterisk: the virtual PBXs it serves, and those at home here that another server serves.

The latter stay known to this Asterisk while their server is in maintenance: a phone that has not followed yet keeps
its registration, its emergency calls, and is not taken for an attacker.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Sequence

from asterisk_ext.domain.maintenance import count_served, known_here
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.ports import Fleet, Projector
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.maintenance_plans import expected_at
from asterisk_ext.services.waiting import first


class Serving:
    def __init__(
        self, node: str, fleet: Fleet, projector: Projector, audios: AudioDelivery, period: float = 1.0
    ) -> None:
        """``period``: seconds between two looks whether what was projected is still there."""
        self._node = node
        self._fleet = fleet
        self._projector = projector
        self._audios = audios
        self._period = period
        self.map_revision = 0
        """Revision of the maintenance map that Asterisk is served by."""
        self.revision = 0
        """The registry's revision that Asterisk was last given."""
        self.tenants = 0
        """How many virtual PBXs this node serves."""
        self.prepared: tuple[str, ...] = ()
        """Servers about to be served here whose virtual PBXs Asterisk has been given."""
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Project whenever the copy has changed, or another file is where Asterisk was given its tenants; for ever.

        A copy that was never filled, or was lost, says nothing of the tenants: Asterisk keeps those that it has.
        """
        await self._fleet.after(0)
        while True:
            revision, current = self._fleet.revision, self._fleet.maintenance()
            delivered = self._audios.delivered
            map_revision, tenants = self._fleet.map_revision, self._fleet.tenants()
            expected, brought = expected_at(self._node, self._fleet), self._audios.expected
            known = known_here(self._node, current, tenants, expected)
            elsewhere = {pbx.id for pbx in tenants} - {pbx.id for pbx in known}
            await asyncio.to_thread(self._project, known, elsewhere)
            self.tenants = count_served(self._node, current, tenants)
            self.revision = revision
            prepared = tuple(source for source in expected if source in brought)
            if (map_revision, prepared) != (self.map_revision, self.prepared):
                self.map_revision, self.prepared = map_revision, prepared
                self._moved.set()
                self._moved = asyncio.Event()
            await first(self._fleet.after(revision), self._audios.after(delivered), self._replaced())

    async def _replaced(self) -> None:
        while not self._projector.replaced():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(self._period)

    def _project(self, known: Sequence[Pbx], elsewhere: Collection[int]) -> None:
        audios = {pbx.id: self._audios.stems(pbx) for pbx in known}
        self._projector.apply(known, elsewhere=elsewhere, audios=audios)

    async def moved_on(self, revision: int, at_most: float, prepared: tuple[str, ...] = ()) -> None:
        """Wait until Asterisk is served by another revision, or others are ``prepared``; ``at_most`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                while (self.map_revision, self.prepared) == (revision, prepared):
                    await self._moved.wait()
