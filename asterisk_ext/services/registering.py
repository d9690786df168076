"""Which trunks this server registers: of a virtual PBX that has moved, only once its former server lets go of them.

Two servers that register the same trunk take the carrier's calls from each other. A server lets go when its
Asterisk registers by the map that says so, which it reports; one that has been silent for a minute is taken for down.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.maintenance import Map
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.server import LATE_AFTER, Report
from asterisk_ext.ports import Clock, Fleet
from asterisk_ext.ports.asterisk import Registrar
from asterisk_ext.services.records import MAINTENANCE, PLANS, SERVERS, TENANTS, tenant_key

DOWN_AFTER = 60.0
"""Seconds of silence."""
PERIOD = 2.0
"""Seconds between looks at the other servers' reports while one of them is waited for."""

NONE: Mapping[int, int] = {}

log = logging.getLogger(__name__)


def registering(
    node: str,
    current: Map,
    map_revision: int,
    tenants: Iterable[Pbx],
    reports: Mapping[str, Report],
    held: set[int],
    now: float,
    revisions: Mapping[int, int] = NONE,
) -> tuple[list[Pbx], bool]:
    """The virtual PBXs whose trunks ``node`` registers, and whether some must wait for another server. Pure.

    ``held`` are those whose trunks it registers already, ``revisions`` the records' own, of those moved by themselves.
    """
    homes = current.homes_of(node)
    served = [pbx for pbx in tenants if pbx.home in homes and any(trunk.register for trunk in pbx.trunks)]
    behind = any(
        name != node and not _has_let_go(report, map_revision) and now - report.at < DOWN_AFTER
        for name, report in reports.items()
    )

    def is_free(pbx: Pbx) -> bool:
        former = reports.get(pbx.former)
        if former is None or pbx.former == node or now - former.at >= DOWN_AFTER or former.trunks is None:
            return not behind
        return not behind and former.trunks >= revisions.get(pbx.id, 0)

    ready = [pbx for pbx in served if pbx.id in held or is_free(pbx)]
    return ready, len(ready) < len(served)


def _has_let_go(report: Report, map_revision: int) -> bool:
    """Whether it registers trunks by the map of ``map_revision``; of an older version, whether it serves by it."""
    return (report.map_revision if report.trunks is None else report.trunks) >= map_revision


def gone_and_back(
    node: str, current: Map, map_revision: int, reports: Mapping[str, Report], gone: set[str], now: float
) -> tuple[set[str], bool]:
    """The sources served here that are silent now, and whether one of ``gone`` is back and has let go. Pure.

    Such a one has registered what its Asterisk's files said before it learnt that it was moved: carriers that keep one
    registration of an account send calls there, until this node registers again.
    """
    silent, back = set(), False
    for source in current.sources_of(node):
        report = reports.get(source)
        if report is None or now - report.at > LATE_AFTER or (source in gone and not _has_let_go(report, map_revision)):
            silent.add(source)
        elif source in gone:
            back = True
    return silent, back


class Registering:
    def __init__(self, node: str, fleet: Fleet, registrar: Registrar, clock: Clock) -> None:
        self._node = node
        self._fleet = fleet
        self._registrar = registrar
        self._clock = clock
        self.revision = 0
        """The registry's revision by which Asterisk registers trunks; 0 before it was asked."""

    async def run(self) -> None:
        """Register whenever the copy has changed, for ever; raises OSError while Asterisk does not answer."""
        present = await asyncio.to_thread(self._registrar.present)
        held = {int(name.partition("_")[0]) for name in present}
        gone: set[str] = set()
        while True:
            revision = self._fleet.revision
            await self._fleet.look()
            ready, waiting = registering(
                self._node,
                self._fleet.maintenance(),
                self._fleet.map_revision,
                self._fleet.tenants(),
                self._fleet.reports(),
                held,
                self._clock(),
                self._moved_alone(),
            )
            try:
                await asyncio.to_thread(self._registrar.apply, ready)
            except Refusal as refusal:
                log.error("%s: %s", refusal.error_id, refusal)
            else:
                held = {pbx.id for pbx in ready}
                self.revision = revision
            gone, back = gone_and_back(
                self._node,
                self._fleet.maintenance(),
                self._fleet.map_revision,
                self._fleet.reports(),
                gone,
                self._clock(),
            )
            if back:
                await asyncio.to_thread(self._registrar.renew)
            if waiting or self._fleet.maintenance().sources_of(self._node):
                await asyncio.sleep(PERIOD)
            else:
                await self._fleet.after_touch(revision, MAINTENANCE, PLANS, SERVERS, TENANTS)

    def _moved_alone(self) -> dict[int, int]:
        """The revisions of the records of virtual PBXs that have a former home."""
        moved = [pbx.id for pbx in self._fleet.tenants() if pbx.former]
        return {pbx: item.revision for pbx in moved if (item := self._fleet.item(tenant_key(pbx)))}
