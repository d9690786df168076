"""What this node gives Asterisk: the virtual PBXs it serves, and those at home here that another server serves.

The latter stay known to this Asterisk while their server is in maintenance: a phone that has not followed yet keeps
its registration, its emergency calls, and is not taken for an attacker. The same holds of visitors that went home, for
as long as phones of theirs are here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from asterisk_ext.domain.maintenance import Map, count_served, known_here
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import LATE_AFTER
from asterisk_ext.domain.ways import Way, sip_address, ways
from asterisk_ext.ports import Fleet
from asterisk_ext.ports.asterisk import Projector
from asterisk_ext.services.audio_delivery import AudioDelivery
from asterisk_ext.services.maintenance_plans import expected_at, hurried, lingering, lingering_at
from asterisk_ext.services.records import MAINTENANCE, PLANS, SERVERS, TENANTS
from asterisk_ext.services.waiting import first

READ = (MAINTENANCE, PLANS, SERVERS, TENANTS)
"""The kinds of records that this is decided by; what else changes in the registry is not looked at."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whatever decides what Asterisk is given; where it is the same, so is that."""

    tenants: int
    """Revision of the last change of any virtual PBX."""
    audios: int
    current: Map
    expected: tuple[str, ...]
    lingering: Mapping[str, str]
    addresses: Mapping[str, str]
    silent: frozenset[str]
    hurried: frozenset[str]


class Serving:
    def __init__(
        self,
        node: str,
        fleet: Fleet,
        projector: Projector,
        audios: AudioDelivery,
        node_port: int,
        period: float = 1.0,
        patience: float = 1.0,
    ) -> None:
        """``node_port``: where the servers' Asterisks call each other; ``period``: seconds between two looks whether
        what was projected is still there, and who is silent; ``patience``: seconds that who changed something waits
        for this server's Asterisk to obey.
        """
        self._patience = patience
        self._node = node
        self._fleet = fleet
        self._projector = projector
        self._audios = audios
        self._node_port = node_port
        self._period = period
        self.map_revision = 0
        """Revision of the maintenance map that Asterisk is served by."""
        self.revision = 0
        """The registry's revision that Asterisk was last given."""
        self.tenants = 0
        """How many virtual PBXs this node serves."""
        self.prepared: tuple[str, ...] = ()
        """Servers about to be served here whose virtual PBXs Asterisk has been given."""
        self._given: _Wanted | None = None
        self._former: tuple[int, frozenset[str]] = (-1, frozenset())
        """Homes that virtual PBXs were moved from, and the revision by which that is so."""
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Project whenever the copy has changed, or another file is where Asterisk was given its tenants; for ever.

        A copy that was never filled, or was lost, says nothing of the tenants: Asterisk keeps those that it has.
        """
        await self._fleet.after(0)
        self._given = None
        while True:
            revision, map_revision = self._fleet.revision, self._fleet.map_revision
            delivered, brought = self._audios.delivered, self._audios.expected
            wanted = self._wanted()
            if wanted != self._given or self._projector.replaced():
                await self._give(wanted)
            self.revision, self.map_revision = revision, map_revision
            self.prepared = tuple(source for source in wanted.expected if source in brought)
            self._news.set()
            self._news = asyncio.Event()
            await first(
                self._fleet.after_touch(revision, *READ), self._audios.after(delivered), self._changed(wanted.silent)
            )

    async def _give(self, wanted: _Wanted) -> None:
        tenants = self._fleet.tenants()
        visitors = {*wanted.expected, *lingering_at(self._node, self._fleet)}
        known = known_here(self._node, wanted.current, tenants, visitors)
        elsewhere = {pbx.id for pbx in tenants} - {pbx.id for pbx in known}
        led = ways(self._node, wanted.current, known, wanted.lingering, wanted.addresses, wanted.silent)
        soon = {pbx.id for pbx in known if pbx.home in wanted.hurried}
        await asyncio.to_thread(self._project, known, elsewhere, led, soon)
        self.tenants = count_served(self._node, wanted.current, self._fleet.homes())
        self._given = wanted

    def _wanted(self) -> _Wanted:
        return _Wanted(
            self._fleet.touched(TENANTS),
            self._audios.delivered,
            self._fleet.maintenance(),
            expected_at(self._node, self._fleet),
            lingering(self._fleet),
            {server.name: sip_address(server.ip, self._node_port) for server in self._fleet.servers()},
            self._silent(),
            hurried(self._fleet),
        )

    def _silent(self) -> frozenset[str]:
        """The servers that do not report, among those that matter: phones may be registered there."""
        if self._former[0] != (at := self._fleet.touched(TENANTS)):
            self._former = at, frozenset(pbx.former for pbx in self._fleet.tenants() if pbx.former)
        current = self._fleet.maintenance()
        asked = {*current.entries, *(entry.destination for entry in current.entries.values()), *self._former[1]}
        asked |= set(lingering(self._fleet).values())
        reports = self._fleet.reports()
        # Heard together, and in a large fleet not always: late is who lags behind the others.
        heard = max((report.at for report in reports.values()), default=0.0)
        return frozenset(
            name for name in asked if (report := reports.get(name)) is None or heard - report.at > LATE_AFTER
        )

    async def _changed(self, silent: frozenset[str]) -> None:
        """Until another file took the place of what was projected, or a server fell silent or came back."""
        while not self._projector.replaced() and self._silent() == silent:  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(self._period)

    def _project(
        self, known: Sequence[Pbx], elsewhere: Collection[int], led: Mapping[str, Way], soon: Collection[int]
    ) -> None:
        audios = {pbx.id: self._audios.stems(pbx) for pbx in known}
        self._projector.apply(known, elsewhere=elsewhere, audios=audios, ways=led, hurried=soon)

    async def moved_on(self, revision: int, at_most: float, prepared: tuple[str, ...] = ()) -> None:
        """Wait until Asterisk is served by another revision, or others are ``prepared``; ``at_most`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most):
                while (self.map_revision, self.prepared) == (revision, prepared):
                    await self._news.wait()

    async def obeyed(self, revision: int) -> None:
        """Wait until Asterisk was given what the registry's ``revision`` says, at most ``patience`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._patience):
                while self.revision < revision:
                    await self._news.wait()
