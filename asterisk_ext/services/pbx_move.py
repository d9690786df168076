"""One virtual PBX to another server, for good: its home changes, its phones follow its name."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.server import State, state
from asterisk_ext.ports import Clock, Fleet, Registry
from asterisk_ext.services.records import decode_report
from asterisk_ext.services.virtual_pbx import VirtualPbxs

AT_HOME = Problem(
    "pbx.at_home", 409, "The virtual PBX {pbx} was not moved: {server} is its home already.", "Choose another server."
)
HOST_SILENT = Problem(
    "pbx.host_silent",
    409,
    "The virtual PBX {pbx} was not moved: {server} does not answer, or is in maintenance.",
    "Choose a server that answers and is not in maintenance.",
)
PATIENCE = 8.0
"""Seconds to wait for the new home to say that it has taken the virtual PBX in; servers report every two."""
POLL = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    pbx: int
    former: str
    server: str
    served: bool
    """The new home has said that its Asterisk knows it; False when it had not in time: it will."""


class PbxMove:
    def __init__(
        self, registry: Registry, fleet: Fleet, tenants: VirtualPbxs, clock: Clock, patience: float = PATIENCE
    ) -> None:
        self._registry = registry
        self._fleet = fleet
        self._tenants = tenants
        self._clock = clock
        self._patience = patience

    async def move(self, actor: Actor, pbx: int, server: str) -> Moved:
        """New registrations and calls are then at ``server``; calls in progress go on where they are.

        The former home goes on knowing it: a phone that has not followed keeps its emergency calls there. Refuses
        ``pbx.at_home``, ``pbx.host_silent``, ``pbx.no_host``.
        """
        require(actor, Act.CHANGE_PBX)
        record, revision = self._fleet.tenant(pbx), self._tenants.revision(pbx)
        self._fleet.server(server)
        if record.home == server:
            raise AT_HOME.refuse(field="server", pbx=pbx, server=server)
        in_maintenance = server in self._fleet.maintenance().entries
        if state(self._fleet.reports().get(server), in_maintenance, self._clock()) is not State.ACTIVE:
            raise HOST_SILENT.refuse(field="server", pbx=pbx, server=server)
        await self._tenants.save(actor, replace(record, home=server), revision)
        return Moved(pbx=pbx, former=record.home, server=server, served=await self._is_served(pbx, server))

    async def _is_served(self, pbx: int, server: str) -> bool:
        """Whether ``server`` reports in time that its Asterisk was given the record as it is now."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while True:
                    beat = (await self._registry.beats()).get(server)
                    if beat and decode_report(beat[1], beat[0]).revision >= self._tenants.revision(pbx):
                        return True
                    await asyncio.sleep(POLL)
        return False
