"""Which trunks this server registers: of a virtual PBX that has moved, only once its former server lets go of them.

Two servers that register the same trunk take the carrier's calls from each other. A server lets go when it serves the
map that says so, which it reports; one that has been silent for a minute is taken for down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import Report
from asterisk_ext.ports import Clock, Fleet, Registrar

DOWN_AFTER = 60.0
"""Seconds of silence."""
PERIOD = 2.0
"""Seconds between looks at the other servers' reports while one of them is waited for."""

log = logging.getLogger(__name__)


def registering(
    node: str,
    current: Map,
    map_revision: int,
    tenants: Iterable[Pbx],
    reports: Mapping[str, Report],
    held: set[int],
    now: float,
) -> tuple[list[Pbx], bool]:
    """The virtual PBXs whose trunks ``node`` registers, and whether some must wait for another server. Pure.

    ``held`` are those whose trunks it registers already.
    """
    served = [pbx for pbx in tenants if current.follow(pbx.home) == node and any(t.register for t in pbx.trunks)]
    behind = any(
        name != node and report.map_revision < map_revision and now - report.at < DOWN_AFTER
        for name, report in reports.items()
    )
    ready = [pbx for pbx in served if not behind or pbx.id in held]
    return ready, len(ready) < len(served)


class Registering:
    def __init__(self, node: str, fleet: Fleet, registrar: Registrar, clock: Clock) -> None:
        self._node = node
        self._fleet = fleet
        self._registrar = registrar
        self._clock = clock

    async def run(self) -> None:
        """Register whenever the copy has changed, for ever; raises OSError while Asterisk does not answer."""
        present = await asyncio.to_thread(self._registrar.present)
        held = {int(name.partition("_")[0]) for name in present}
        while True:
            revision = self._fleet.revision
            ready, waiting = registering(
                self._node,
                self._fleet.maintenance(),
                self._fleet.map_revision,
                self._fleet.tenants(),
                self._fleet.reports(),
                held,
                self._clock(),
            )
            try:
                await asyncio.to_thread(self._registrar.apply, ready)
            except Refusal as refusal:
                log.error("%s: %s", refusal.error_id, refusal)
            else:
                held = {pbx.id for pbx in ready}
            if waiting:
                await asyncio.sleep(PERIOD)
            else:
                await self._fleet.after(revision)
